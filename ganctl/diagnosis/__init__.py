"""The doctor: what is wrong with a run, since when, and what to change. It reads run folders only.

Floor 5. May import: run_folder, experiment.
"""
