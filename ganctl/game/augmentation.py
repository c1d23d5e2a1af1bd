"""What is done to real and generated images alike before the discriminator sees them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ganctl.game.noise import Key

Tensor = Any


class Augmentation:
    """What is done to real and generated images alike before the discriminator sees them, in both players' updates.

    It must be differentiable twice: the generator learns through it, and penalties look at gradients.
    """

    def apply(self, images: Tensor, key: Key, memory: Any) -> Tensor:
        """Return other images of the same shape, float32 [N, H, W, C]; `key` and nothing else decides which.

        `memory` is what `memory()` returned, one of the game's networks.
        """
        raise NotImplementedError

    def memory(self) -> Any:
        """Return a Keras layer with what it remembers from update to update, or None."""
        return None

    def learn(self, memory: Any, judged_real: Tensor) -> Tensor:
        """Remember how the real images of a discriminator's update were judged, boolean [N, 1].

        Returns:
            a scalar that is worth a column, `augment_NAME`. Called only where there is a memory.
        """
        raise NotImplementedError


def remembers(augmentation: Augmentation) -> bool:
    """Whether an augmentation has a memory, and so learns from how real images are judged."""
    return type(augmentation).memory is not Augmentation.memory


def memory_of(augmentation: str) -> str:
    """Return the role of the network in which an augmentation of that name remembers."""
    return f"augment_{augmentation}"


NO_AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType({})
