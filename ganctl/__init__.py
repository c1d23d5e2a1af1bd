"""ganctl trains Generative Adversarial Networks from YAML files.

From Python, `ganctl.train` trains and `ganctl.load` opens what was trained; importing ganctl loads no TensorFlow.

Floor 9. May import: runs, training, images.
"""

from typing import TYPE_CHECKING, Any

from ganctl.version import __version__

if TYPE_CHECKING:
    from ganctl.errors import GanctlError, StoppedError
    from ganctl.images.notebook import Images
    from ganctl.runs import Run, load, train
    from ganctl.training.iterables import fit

__all__ = ["GanctlError", "Images", "Run", "StoppedError", "__version__", "fit", "load", "train"]

_HOMES = {
    "GanctlError": "errors",
    "StoppedError": "errors",
    "Images": "images.notebook",
    "Run": "runs",
    "load": "runs",
    "train": "runs",
    "fit": "training.iterables",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganctl' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"ganctl.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
