"""Every proof: a module of this package that has a `PROOF`."""

import importlib
import pkgutil
from pathlib import Path

from benchmarks.papers.proof import Proof

_MODULES = [
    importlib.import_module(f"benchmarks.papers.{module.name}")
    for module in pkgutil.iter_modules([str(Path(__file__).parent)])
    if not module.name.startswith("__") and module.name != "proofs"
]

PROOFS: list[Proof] = [module.PROOF for module in _MODULES if hasattr(module, "PROOF")]
