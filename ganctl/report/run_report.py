"""report.html of a run, with the differences between its configuration and the shipped one of that name."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganctl.build.resolving import load_experiment
from ganctl.errors import GanctlError
from ganctl.experiment.changes import Change, differences
from ganctl.experiment.packaged_configs import packaged_configs
from ganctl.experiment.yaml_source import read_yaml
from ganctl.host.files import write_atomically
from ganctl.report.panels import curve_table, curves_of, panel, pictures, score_panel, with_findings
from ganctl.report.record import RunRecord
from ganctl.report.rendering import render
from ganctl.report.vitals_panels import vitals_panels
from ganctl.run_folder.losses_csv import PANELS
from ganctl.run_folder.paths import RunFolder

# What `auto` becomes in config.yaml; elsewhere it stays as it is.
RESOLVED = ("training.precision", "training.xla")


def write_report(folder: RunFolder) -> Path:
    """Write report.html into the run folder, from the files there; returns its path."""
    record, shipped = RunRecord.read(folder), _shipped(folder)
    findings = record.health.findings
    panels = [
        with_findings(
            panel(plot.title, [curve_table(record.curves, chosen)], logarithmic=plot.logarithmic),
            findings,
            [curve.name for curve, _, _ in chosen],
        )
        for plot in PANELS
        if (chosen := [(curve, curve.name, i) for i, curve in enumerate(curves_of(record.curves, plot))])
    ]
    score_panels = [
        with_findings(score_panel(score.title, [(score, score.title, 0)]), findings, [score.metric.name])
        for score in record.scores.scores
    ]
    signs = vitals_panels(record.vitals, findings)
    page = render(
        "report.html",
        {"runs": [pictures(record)], "panels": {"curves": panels, "scores": score_panels, "vitals": signs}},
        record=record,
        page=folder.page.name if folder.page.is_file() else None,
        signs=bool(signs),
        changed=None if shipped is None else changed(shipped, record.facts.config),
        written=time.strftime("%Y-%m-%d %H:%M"),
    )
    write_atomically(folder.report, page)
    return folder.report


def changed(shipped: Mapping[str, Any], config: Mapping[str, Any]) -> list[Change]:
    """Return how a run differs from the shipped file; what `auto` became does not count, as no user set it."""
    return [change for change in differences(shipped, config) if change.then != "auto" or change.key not in RESOLVED]


def _shipped(folder: RunFolder) -> dict[str, Any] | None:
    """Return the resolved experiment that travels with ganctl under this run's name, if there is one."""
    try:
        path = packaged_configs().get(str(read_yaml(folder.config).data.get("name")))
        return load_experiment(path).model_dump(mode="json") if path else None
    except GanctlError:  # the page itself says that config.yaml cannot be read
        return None
