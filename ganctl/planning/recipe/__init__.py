"""The experiment that `ganctl init` writes: its rules, its choices, its files."""
