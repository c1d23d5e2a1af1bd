"""Where ganctl keeps files that can be made or downloaded again."""

import os
from pathlib import Path


def cache_root() -> Path:
    """Return GANCTL_CACHE, or `ganctl` below the user's cache folder."""
    root = os.environ.get("GANCTL_CACHE")
    if not root:
        root = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "ganctl")
    return Path(root).expanduser().absolute()
