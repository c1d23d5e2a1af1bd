"""Renews the runtime in pages that draw (`ganctl export --format html`): onnxruntime-web of a version, from npm.

    python docs/renew_browser_runtime.py 1.30.0

Needs npm, Node and the `onnx` extra. It writes the two files of the WebAssembly build, compressed, and `runtime.json`:
the version, the SHA-256 of npm's archive and of both files, and the ONNX operations for which this build has code. They
are found by loading ONNX's own test models of each into it.
"""

import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "ganctl" / "generation" / "page" / "onnxruntime"
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
OPSET = 18  # as ganctl/generation/formats/onnx_graph.py writes it


def main(version: str) -> None:
    """Renew the files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(["npm", "pack", "--silent", f"onnxruntime-web@{version}"], cwd=folder, check=True)
        (archive,) = folder.glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        facts = {"name": "onnxruntime-web", "version": version, "archive_sha256": digest(archive.read_bytes())}
        contents = {file: (folder / "package" / "dist" / file).read_bytes() for file in FILES}
        for file, content in contents.items():
            (FOLDER / f"{file}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
        operations = loadable(folder)
    facts["files_sha256"] = {file: digest(content) for file, content in contents.items()}
    facts |= {"opset": OPSET, "operations": operations}
    (FOLDER / "runtime.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(f"onnxruntime-web {version}, {len(operations)} operations. Run tests/test_page_in_browser.py.")


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def loadable(folder: Path) -> list[str]:
    """Return the operations of ONNX's own domain that the runtime in a folder can load."""
    from onnx.backend.test.case.node import collect_testcases

    models = []
    for number, case in enumerate(collect_testcases(None)):
        model = case.model
        operations = {node.op_type for node in model.graph.node if not node.domain}
        model.ir_version = 8
        for opset in model.opset_import:
            if not opset.domain:
                opset.version = OPSET
        path = folder / f"{number}.onnx"
        path.write_bytes(model.SerializeToString())
        models.append({"path": str(path), "operations": sorted(operations)})
    (folder / "models.json").write_text(json.dumps(models), encoding="utf-8")
    script = Path(__file__).with_name("list_runtime_operations.mjs")
    done = subprocess.run(["node", script, folder], check=True, capture_output=True, text=True)
    return sorted(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main(sys.argv[1])
