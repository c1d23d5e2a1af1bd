"""Every name that a YAML file can use, by kind. No other module takes anything from a shelf."""

from ganctl.augmentations import registry as augmentations
from ganctl.datasets import OWN_KEYS, DatasetEntry
from ganctl.datasets import registry as datasets
from ganctl.losses import PenaltyEntry, generator_terms, penalties
from ganctl.losses import registry as losses
from ganctl.models import ModelEntry
from ganctl.models import registry as models

__all__ = [
    "OWN_KEYS",
    "DatasetEntry",
    "ModelEntry",
    "PenaltyEntry",
    "augmentations",
    "datasets",
    "generator_terms",
    "losses",
    "models",
    "penalties",
]
