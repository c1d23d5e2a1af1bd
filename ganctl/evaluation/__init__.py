"""The scores that say how far apart two sets of features are, one function each.

Floor 4. May import: images, run_folder, host.
"""
