"""The two files that mark a folder as a run of ganctl's: whoever looks for pictures passes it by."""

CONFIG = "config.yaml"
INFO = "run.json"
