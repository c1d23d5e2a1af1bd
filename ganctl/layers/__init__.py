"""Layers that Keras lacks, and parts of networks.

A layer such as `ganctl.layers.SelfAttention` is found in the module of this package that defines it; no list needs
editing. Importing this package does not load TensorFlow, because listings and `--help` import it; reading the first
name does. Once Keras is loaded too, in either order, Keras knows the layers: a `.keras` file that contains them can be
loaded after `import ganctl.layers`.

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
    """Loads the layers once Keras has been imported, by any code; Python's own machinery does the import."""

    _asking = False  # while Python's other finders look for Keras

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Return Python's spec for Keras, with this object as its loader."""
        if name != "keras" or self._asking:
            return None
        self._asking = True
        try:
            spec = find_spec(name)
        finally:
            self._asking = False
        if spec is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def exec_module(self, module: Any) -> None:
        """Load Keras with its own loader, then the layers."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        module.__spec__.loader = module.__loader__ = self._loader
        assert self._loader is not None
        self._loader.exec_module(module)
        _loaded()


if sys.modules.get("keras"):
    _loaded()
else:
    sys.meta_path.insert(0, _AfterKeras())
