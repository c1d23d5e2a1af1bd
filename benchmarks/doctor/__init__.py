"""The doctor's laboratory: runs made sick on purpose, and healthy ones; what the doctor says of them, and whether its
first advice cures them.

    python -m benchmarks.doctor --list
    python -m benchmarks.doctor --seeds 0 --half thresholds
    python -m benchmarks.doctor --fit

Every run is trained once and kept with its result, so that it can be done in portions. Half of the bases set the
thresholds of the rules; the table of the other half is what the documentation shows.
"""
