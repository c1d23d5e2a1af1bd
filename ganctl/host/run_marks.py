"""The two files that mark a folder as a run of ganctl: a search for pictures skips such folders."""

CONFIG = "config.yaml"
INFO = "run.json"
