"""The version, for what must not import the whole package to know it.

Floor 1. May import nothing.
"""

__version__ = "0.1.0"
