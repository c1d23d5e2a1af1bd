"""This machine: device, files, terminal, signals, background work, caches.

Floor 2. May import nothing.
"""
