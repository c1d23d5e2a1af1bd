"""The doctor's laboratory: runs made sick on purpose, and healthy ones; what the doctor says of them, and whether its
first advice cures them.

    python -m benchmarks.doctor --list
    python -m benchmarks.doctor --half thresholds
    python -m benchmarks.doctor --half thresholds --no-train --fit
    python -m benchmarks.doctor --half test --no-train

Every run is trained once, and what it recorded is kept: it can be done in portions, and rules can be judged again
without training. `--cure` also follows the first advice. Half of the bases set the
thresholds of the rules; the table of the other half is what the documentation shows.
"""
