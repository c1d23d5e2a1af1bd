"""ganctl from Python, as in a notebook: `train`, `load`, `evaluate` and `export`, each like the command of that name.

Errors are `ganctl.errors.GanctlError`, never SystemExit. Ctrl-C (a notebook's "interrupt") ends training as on the
command line: everything is saved, and `StoppedError` says how to continue.

Floor 8. May import: training, generation, diagnosis, build, run_folder, experiment, images, plugins, host.
"""

from ganctl.runs.exporting import export
from ganctl.runs.run import Run, load
from ganctl.runs.scoring import evaluate
from ganctl.runs.training import train

__all__ = ["Run", "evaluate", "export", "load", "train"]
