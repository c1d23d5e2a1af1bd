"""Layers that Keras lacks.

Floor 2. May import nothing.
"""
