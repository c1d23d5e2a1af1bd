"""Layers that Keras lacks, and parts of networks.

A layer is `ganctl.layers.SelfAttention`, and is found in whichever module of this package defines it: nobody edits a
list. Importing this package loads no TensorFlow, because listings and `--help` import it; the first name that is read
does. As soon as Keras is loaded, too, in whatever order, Keras knows the layers: a `.keras` file that has them can be
read after `import ganctl.layers`.

Floor 2. May import nothing.
"""

import importlib
import pkgutil
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_MODULES = {module.name for module in pkgutil.iter_modules(__path__)}


def __getattr__(name: str) -> Any:
    """Return a class or function of one of the modules (PEP 562)."""
    if name.startswith("_") or name in _MODULES:  # what Python asks of any package
        raise AttributeError(name)
    for module in _loaded():
        found = vars(module).get(name)
        if getattr(found, "__module__", None) == module.__name__:
            return found
    raise AttributeError(f"ganctl.layers has no '{name}'.")


def _loaded() -> list[ModuleType]:
    """Import all modules: each registers its layers with Keras."""
    return [importlib.import_module(f"{__name__}.{name}") for name in sorted(_MODULES)]


class _AfterKeras(MetaPathFinder, Loader):
    """Loads the layers once Keras has been loaded, whoever imports it; how that is done is left to Python."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Return what Python finds for Keras, with this as its loader."""
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def exec_module(self, module: Any) -> None:
        """Load Keras with the loader that Python found, then the layers."""
        module.__spec__.loader = module.__loader__ = self._loader
        assert self._loader is not None
        self._loader.exec_module(module)
        _loaded()


if sys.modules.get("keras"):
    _loaded()
else:
    sys.meta_path.insert(0, _AfterKeras())
