"""All that one run leaves behind: every file of it has one reader and one writer.

Floor 3. May import: host.
"""
