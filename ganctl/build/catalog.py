"""Every name that a YAML file can use, by kind. No other module takes anything from a shelf."""

from collections.abc import Mapping
from typing import Final

from ganctl.augmentations import registry as augmentations
from ganctl.datasets import registry as datasets
from ganctl.losses import penalties
from ganctl.losses import registry as losses
from ganctl.models import registry as models
from ganctl.registry import Registry

__all__ = ["BY_KEY", "augmentations", "datasets", "losses", "models", "penalties"]

BY_KEY: Final[Mapping[str, Registry]] = {
    registry.key: registry for registry in (datasets, models, losses, penalties, augmentations)
}
"""The registries by the YAML key that takes their names."""
