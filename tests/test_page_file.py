"""The file of a page that draws, without a browser: what it holds, and what is refused."""

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_archived_runs import ARCHIVES
from test_export import as_generator

from ganctl.errors import GanctlError
from ganctl.generation import explorer_page
from ganctl.generation.export import COMPARED, Generator, export
from ganctl.generation.formats import Subject, formats, html
from ganctl.generation.loading import TrainedGenerator
from ganctl.lazy import keras

layers = keras.layers
HTML = formats()["html"]


def facts_of(path: Path) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text("utf-8"))
    assert found
    return json.loads(found[1])


def small() -> Any:
    latent = keras.Input([4], name="latent")
    return keras.Model(latent, layers.Reshape([2, 2, 1])(layers.Dense(4, activation="tanh")(latent)), name="exported")


def test_a_network_that_is_too_large_is_refused_with_its_size(tmp_path: Path) -> None:
    latent = keras.Input([4], name="latent")
    large = keras.Model(latent, layers.Reshape([2, 2, 1])(layers.Dense(4)(latent)))
    large.count_params = lambda: 60_000_000
    message = "as html: its weights take 240 MB, and a page holds 200 MB at most. Use --format onnx."
    with pytest.raises(GanctlError, match=message):
        export(as_generator(large), "html", tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


def test_operations_that_the_runtime_lacks_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = explorer_page.runtime()
    without = [name for name in known["operations"] if name not in ("Tanh", "Gemm", "MatMul")]
    monkeypatch.setattr(html, "runtime", lambda: {**known, "operations": without})
    lacks = r"as html: onnxruntime-web \d+\.\d+\.\d+, which runs in the page, lacks (Gemm|MatMul), Tanh\.$"
    with pytest.raises(GanctlError, match=lacks):
        export(as_generator(small()), "html", tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


def test_operations_within_branches_and_of_other_domains_are_found() -> None:
    from onnx import TensorProto, helper

    own = helper.make_node("Mine", ["x"], ["y"], domain="com.example")
    scalar = helper.make_tensor_value_info("y", TensorProto.FLOAT, [])
    branch = helper.make_graph([own], "branch", [], [scalar])
    node = helper.make_node("If", ["condition"], ["y"], then_branch=branch, else_branch=branch)
    condition = helper.make_tensor_value_info("condition", TensorProto.BOOL, [])
    model = helper.make_model(helper.make_graph([node], "graph", [condition], [scalar]))
    assert html._unknown_operations(model.SerializeToString()) == ["com.example.Mine"]


def test_text_of_a_run_cannot_become_part_of_the_page(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script>"
    network = small()
    assert HTML.write_all
    HTML.write_all([Subject(network, hostile, class_names=(hostile,), num_classes=1)], tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text("utf-8")
    assert "alert(1)</script>" not in text
    assert facts_of(tmp_path / "a.html")["networks"][0]["classes"] == [hostile]


def test_many_latent_inputs_stay_in_the_order_in_which_they_are_drawn(tmp_path: Path) -> None:
    """Keras sorts named inputs, and latent_10 would come before latent_2."""
    names = ["latent", *(f"latent_{number}" for number in range(2, 12))]
    inputs = [keras.Input([2], name=name) for name in names]
    made = layers.Reshape([2, 2, 1])(layers.Dense(4)(layers.Concatenate()(inputs)))
    network = keras.Model(dict(zip(names, inputs, strict=True)), made)
    own = dict.fromkeys(names, "noise") | {"latent_3": "code"}
    assert HTML.write_all
    HTML.write_all([Subject(network, "many", own_names=own)], tmp_path / "a.html")
    found = facts_of(tmp_path / "a.html")["networks"][0]["inputs"]
    assert [each["name"] for each in found] == names
    assert [each["name"] for each in found if each["code"]] == ["latent_3"]


@pytest.mark.parametrize("model", ["acgan_mnist", "infogan"])
def test_classes_have_the_names_that_they_were_learned_with(model: str, tmp_path: Path) -> None:
    """Categories that a model finds itself are not the classes of the images, even if there are as many."""
    with tarfile.open(ARCHIVES / f"{model}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    generator, own = Generator.load(tmp_path), model == "infogan"
    facts = explorer_page._facts(generator.subject)
    names = TrainedGenerator.load(tmp_path).class_names
    assert len(names) == 10
    assert facts["classes"] == ([str(number) for number in range(generator.num_classes)] if own else list(names))
    assert facts["categories"] == own
    assert facts["sameSeeds"] is True
    assert [each["name"] for each in facts["inputs"] if each["code"]] == (["latent_2"] if own else [])


def test_the_page_says_how_it_is_opened_and_checked(tmp_path: Path) -> None:
    exported = export(as_generator(small()), "html", tmp_path / "a.html")
    assert "Open the page in any browser; it needs no network. It was checked with ONNX Runtime" in str(exported)
    assert exported.facts()["opening"].startswith("Open the page")
    names: dict[str, Any] = {"latent": np.zeros((COMPARED, 4), np.float32)}
    exec("\n".join(exported.usage), names)
    assert names["pixels"].shape == (COMPARED, 2, 2, 1)


def test_formats_are_listed_without_loading_what_only_a_page_needs() -> None:
    loaded = "import sys; from ganctl.generation.formats import formats; formats(); print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
