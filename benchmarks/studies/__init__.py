"""Studies: questions that only runs can answer, each measured over several seeds beside a control.

`python -m benchmarks.studies NAME` trains what a study compares and prints its tables; `--write` puts them into
docs/notes/. One module per study. What was trained is kept in outputs/studies, so that nothing is trained twice.
"""
