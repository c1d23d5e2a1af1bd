"""From an experiment to a game: names looked up, networks, players, optimizers.

Floor 5. May import: augmentations, datasets, evaluation, losses, models, game, run_folder, images, layers, experiment,
registry, plugins. The only room that takes things from a shelf.
"""
