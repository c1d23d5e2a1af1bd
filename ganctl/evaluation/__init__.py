"""The figures that say how far two sets of features are apart, one function each."""
