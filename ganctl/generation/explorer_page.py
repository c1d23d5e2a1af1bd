"""Makes the page that draws: a template, styles and scripts from `page/`, the runtime, the networks, and the facts.

Nothing is fetched and nothing but these scripts runs: a Content-Security-Policy says so, with the hash of each.
"""

import base64
import functools
import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganctl.game.inputs import CLASSES
from ganctl.generation.directions import directions_of
from ganctl.generation.formats import OUTPUT, Subject
from ganctl.version import __version__

_FILES = Path(__file__).parent / "page"
_RUNTIME = _FILES / "onnxruntime"
_SCRIPTS = ("noise", "vectors", "pixels", "runtime", "controls", "explore", "translate", "main")
"""In this order: each uses only what stands before it."""


def page(subjects: Sequence[Subject], models: Sequence[bytes]) -> bytes:
    """Return a page for networks of one run: a generator of images from noise, or the directions between images.

    Args:
        subjects: the networks, and what is known of them.
        models: the ONNX file of each.
    """
    from markupsafe import Markup  # not at the top: `--help` lists the formats

    script = _script()
    style = _text("page.css")
    facts = {
        "version": __version__,
        "runtime": f"{runtime()['name']} {runtime()['version']}",
        "networks": [_facts(subject) for subject in subjects],
    }
    text = (
        _environment()
        .get_template("page.html")
        .render(
            title=subjects[0].title,
            policy="; ".join(
                [
                    "default-src 'none'",
                    f"script-src {_hash(script)} 'wasm-unsafe-eval'",
                    f"style-src {_hash(style)}",
                    "img-src data: blob:",
                    "base-uri 'none'",
                    "form-action 'none'",
                ]
            ),
            style=Markup(style),
            script=Markup(script),
            facts=Markup(_embedded(facts)),
            licence=(_RUNTIME / "LICENSE").read_text("utf-8"),
            runtime=facts["runtime"],
            wasm=Markup(base64.b64encode((_RUNTIME / "ort-wasm-simd-threaded.wasm.gz").read_bytes()).decode()),
            models=[
                (model_id(subject.network.name), Markup(base64.b64encode(gzip.compress(model, 9, mtime=0)).decode()))
                for subject, model in zip(subjects, models, strict=True)
            ],
        )
    )
    return text.encode("utf-8", errors="replace")


@functools.cache
def runtime() -> dict[str, Any]:
    """Return what is known of the runtime in the page: name, version, hashes, and the operations that it can run."""
    facts: dict[str, Any] = json.loads((_RUNTIME / "runtime.json").read_text("utf-8"))
    return facts


def model_id(name: str) -> str:
    """Return the id of the element that holds a network, by the network's name."""
    return f"model-{name}"


def _facts(subject: Subject) -> dict[str, Any]:
    """What the scripts know of a network."""
    network = subject.network
    tensors = {tensor.name: tensor for tensor in network.inputs}
    own_names = subject.own_names or {name: name for name in tensors}
    inputs = [
        {
            "name": name,
            "code": own == "code",
            "shape": list(tensors[name].shape[1:]),
            "whole": "int" in tensors[name].dtype,
        }
        for name, own in own_names.items()
    ]
    first = str(inputs[0]["name"])
    found = None if first == "image" else directions_of(network, num_classes=subject.num_classes, within=first)
    taught = len(subject.class_names) == subject.num_classes
    return {
        "model": model_id(network.name),
        "title": subject.title,
        "direction": subject.direction,
        "inputs": inputs,
        "output": OUTPUT,
        "image": list(network.output.shape[1:]),
        "alpha": subject.alpha,
        "distribution": subject.distribution,
        "classes": list(subject.class_names) if taught else [str(number) for number in range(subject.num_classes)],
        # InfoGAN finds its categories itself, and nobody knows what they show.
        "categories": any(tensor.name == CLASSES for tensor in network.inputs) and not taught,
        "sameSeeds": subject.same_seeds,
        "directions": [] if found is None else [[round(float(x), 6) for x in vector] for vector in found.vectors],
        "parameters": network.count_params(),
    }


def _script() -> str:
    """Return the runtime and all scripts as one module: modules within a page cannot import each other."""
    parts = [_runtime_module(), *(_as_part(_text(f"{name}.js")) for name in _SCRIPTS)]
    script = "\n".join(parts)
    assert not re.search("</script|<!--", script, re.IGNORECASE)
    return f"\n{script}\n"


def _runtime_module() -> str:
    """Return the runtime's module as an object called `ort`."""
    source = gzip.decompress((_RUNTIME / "ort.wasm.bundle.min.mjs.gz").read_bytes()).decode()
    source = re.sub(r"//# sourceMappingURL=.*", "", source).strip()
    exported = re.search(r"export\{([^}]*)\};?$", source)
    assert exported
    pairs = [pair.split(" as ") for pair in exported[1].split(",")]
    names = ",".join(f"{pair[-1]}:{pair[0]}" for pair in pairs if pair[-1] != "default")
    return f"const ort=(()=>{{{source[: exported.start()]}return {{{names}}};}})();"


def _as_part(source: str) -> str:
    """Return a module's source without its imports and exports."""
    return re.sub(r"^export ", "", re.sub(r"^import .*;\n", "", source, flags=re.MULTILINE), flags=re.MULTILINE)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _embedded(facts: dict[str, Any]) -> str:
    """Return JSON that no HTML parser can mistake for markup."""
    text = json.dumps(facts, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@functools.cache
def _text(name: str) -> str:
    return (_FILES / name).read_text("utf-8")


@functools.cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
