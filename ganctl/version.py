"""The version, for code that must not import the whole package to read it.

Floor 1. May import nothing.
"""

__version__ = "0.1.0"
