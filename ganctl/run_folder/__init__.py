"""Everything that a run leaves behind: each of its files has one reader and one writer.

Floor 3. May import: host.
"""
