"""A run from its first iteration to its last. `run.py` tells the story; `hooks/` is what happens along the way.

Floor 7. May import: planning, generation, report, diagnosis, build, evaluation, game, run_folder, images, experiment,
plugins, host.
"""
