"""ganctl trains Generative Adversarial Networks from YAML files.

From Python, `ganctl.train` trains, `ganctl.load` opens a trained run, `ganctl.evaluate` scores it and
`ganctl.export` writes its generator for other programs. Importing ganctl does not load TensorFlow.

Floor 9. May import: runs, training, generation, images.
"""

from typing import TYPE_CHECKING, Any

from ganctl.version import __version__

if TYPE_CHECKING:
    from ganctl.errors import GanctlError, StoppedError
    from ganctl.generation.export import Exported
    from ganctl.generation.image_scores import Scores
    from ganctl.images.notebook import Images
    from ganctl.runs import Run, evaluate, export, load, train
    from ganctl.training.iterables import fit

__all__ = [
    "Exported",
    "GanctlError",
    "Images",
    "Run",
    "Scores",
    "StoppedError",
    "__version__",
    "evaluate",
    "export",
    "fit",
    "load",
    "train",
]

_HOMES = {
    "GanctlError": "errors",
    "StoppedError": "errors",
    "Exported": "generation.export",
    "Images": "images.notebook",
    "Run": "runs",
    "Scores": "generation.image_scores",
    "evaluate": "runs",
    "export": "runs",
    "load": "runs",
    "train": "runs",
    "fit": "training.iterables",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganctl' has no attribute '{name}'")
    import importlib

    home = importlib.import_module(f"ganctl.{_HOMES[name]}")
    # Cached, with every other name from there: a name keeps its meaning even where a submodule has the same name.
    globals().update({other: getattr(home, other) for other in _HOMES if _HOMES[other] == _HOMES[name]})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
