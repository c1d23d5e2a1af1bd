"""Pictures: decoding, resizing, drawing, archives, sets of images.

Floor 3. May import: experiment, host.
"""
