"""report.html of a run, with what its configuration has otherwise than the shipped one of its name."""

from pathlib import Path
from typing import Any

from ganctl import report
from ganctl.errors import GanctlError
from ganctl.packaged_configs import packaged_configs
from ganctl.resolving import load_experiment
from ganctl.run_folder import RunFolder
from ganctl.yaml_source import read_yaml


def write_report(folder: RunFolder) -> Path:
    """Write report.html into the run folder, from what lies there; returns where it is."""
    return report.write_report(folder, _shipped(folder))


def _shipped(folder: RunFolder) -> dict[str, Any] | None:
    """Return the resolved experiment that travels with ganctl under this run's name, if there is one."""
    try:
        path = packaged_configs().get(str(read_yaml(folder.config).data.get("name")))
        return load_experiment(path).model_dump(mode="json") if path else None
    except GanctlError:  # a run's config.yaml that cannot be read is said on the page itself
        return None
