"""The YAML file: its sections, where each key stands, and what a resumed run may change in it.

Floor 2. May import nothing.
"""
