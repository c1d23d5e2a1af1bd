"""The figures that say how far two sets of features are apart, one function each.

Floor 4. May import: images, run_folder, host.
"""
