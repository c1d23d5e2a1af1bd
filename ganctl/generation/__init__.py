"""What a trained run gives: loading it, drawing, walks, sample files, exports, images to compare.

Floor 6. May import: build, evaluation, game, run_folder, images, layers, experiment, plugins, host.
"""
