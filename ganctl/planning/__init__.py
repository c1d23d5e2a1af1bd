"""Choices before a run: pace, precision, XLA, the check of the discriminator, `ganctl init`.

Floor 6. May import: build, evaluation, game, run_folder, images, experiment, host.
"""
