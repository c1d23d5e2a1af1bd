"""The adversarial game: the mathematics, readable alone. `game.py` is a round on one screen.

Floor 3. May import: experiment.
"""
