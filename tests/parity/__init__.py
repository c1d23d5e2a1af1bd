"""For each tutorial the literal Keras loop, and the proof that ganctl plays it."""
