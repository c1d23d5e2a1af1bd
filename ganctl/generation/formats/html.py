"""One page that draws in any browser: the generator, a runtime for it and all that it shows, in one file.

It is checked as ONNX files are: ONNX Runtime in Python runs the model that is read back out of the page. The runtime in
the page is the same library, compiled for browsers. Extra: `onnx`.
"""

import base64
import gzip
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ganctl.errors import GanctlError
from ganctl.generation.explorer_page import model_id, page, runtime
from ganctl.generation.formats import OUTPUT, Arrays, Format, Network, Subject, as_dictionary, onnx_graph

Node = Any
"""A node of an ONNX graph: `onnx`, an extra, is loaded only when a page is written."""

MOST_BYTES = 200_000_000
"""The largest network, in bytes, that goes into a page: browsers keep it in memory several times over."""


def _write_all(subjects: Sequence[Subject], path: Path) -> None:
    size = sum(4 * subject.network.count_params() for subject in subjects)
    if size > MOST_BYTES:
        raise GanctlError(
            f"its weights take {size / 1e6:,.0f} MB, and a page holds {MOST_BYTES / 1e6:,.0f} MB at most. Use --format "
            "onnx."
        )
    with TemporaryDirectory() as folder:
        models = [_as_onnx(subject.network, Path(folder) / "model.onnx") for subject in subjects]
    path.write_bytes(page(subjects, models))


def _write(network: Network, path: Path) -> None:
    _write_all([Subject(network, network.name)], path)


def _as_onnx(network: Network, path: Path) -> bytes:
    onnx_graph.FORMAT.write(network, path)
    content = path.read_bytes()
    missing = _unknown_operations(content)
    if missing:
        known = runtime()
        raise GanctlError(f"{known['name']} {known['version']}, which runs in the page, lacks {', '.join(missing)}.")
    return content


def _unknown_operations(model: bytes) -> list[str]:
    """Return the names of a model's operations that the page's runtime cannot run."""
    import onnx

    known = set(runtime()["operations"])
    graph = onnx.load_model_from_string(model).graph
    return sorted({_name(node) for node in _nodes(graph) if node.domain or node.op_type not in known})


def _name(node: Node) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain else str(node.op_type)


def _nodes(graph: Any) -> Iterator[Node]:
    """Yield the nodes of a graph, and those of the graphs within them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _run(network: Network, path: Path, batches: Sequence[Arrays]) -> Iterator[np.ndarray]:
    import onnxruntime

    found = re.search(f'id="{model_id(network.name)}">([^<]*)<', path.read_text("utf-8"))
    assert found
    model = gzip.decompress(base64.b64decode(found[1]))
    draw = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for inputs in batches:
        yield draw.run([OUTPUT], inputs)[0]


def _usage(network: Network, path: Path) -> tuple[list[str], list[str]]:
    return (
        [
            "import base64, gzip, re",
            "from pathlib import Path",
            "import onnxruntime",
            f"page = Path({str(path)!r}).read_text('utf-8')",
            f"model = re.search('id=\"{model_id(network.name)}\">([^<]*)<', page)[1]",
            "generator = onnxruntime.InferenceSession(gzip.decompress(base64.b64decode(model)))",
        ],
        [f'images = generator.run(["{OUTPUT}"], {as_dictionary(network)})[0]'],
    )


FORMAT = Format(
    "html",
    ".html",
    _write,
    _run,
    _usage,
    needs=("tf2onnx", "onnx", "onnxruntime"),
    extra="onnx",
    any_size=False,
    any_batch=True,
    write_all=_write_all,
    opening="Open the page in any browser; it needs no network. It was checked with ONNX Runtime, not in a browser.",
)
