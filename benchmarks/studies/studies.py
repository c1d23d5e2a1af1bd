"""Every study: a module of this package that has a `STUDY`."""

import importlib
import pkgutil
from pathlib import Path

from benchmarks.studies.study import Study

_MODULES = [
    importlib.import_module(f"benchmarks.studies.{module.name}")
    for module in pkgutil.iter_modules([str(Path(__file__).parent)])
    if not module.name.startswith("__") and module.name != "studies"
]

STUDIES: list[Study] = [module.STUDY for module in _MODULES if hasattr(module, "STUDY")]
