"""What to do with a trained run: load it, draw, walk, write sample files, export, score images.

Floor 6. May import: build, evaluation, game, run_folder, images, layers, experiment, plugins, host.
"""
