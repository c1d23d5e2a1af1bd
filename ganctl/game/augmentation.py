"""Augmentations: changes to real and generated images alike before the discriminator sees them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ganctl.game.noise import Key

Tensor = Any


class Augmentation:
    """A change to real and generated images alike before the discriminator sees them, in both players' updates.

    It must be differentiable twice: the generator learns through it, and penalties use gradients.
    """

    def apply(self, images: Tensor, key: Key, memory: Any) -> Tensor:
        """Return the changed images, float32 [N, H, W, C]; all randomness comes from `key`.

        `memory` is what `memory()` returned, one of the game's networks.
        """
        raise NotImplementedError

    def memory(self) -> Any:
        """Return a Keras layer whose variables hold the state kept between updates, or None."""
        return None

    def learn(self, memory: Any, judged_real: Tensor) -> Tensor:
        """Record which real images of a discriminator's update were judged real, boolean [N, 1].

        Called only if there is a memory.

        Returns:
            a scalar for the column `augment_NAME`.
        """
        raise NotImplementedError


def remembers(augmentation: Augmentation) -> bool:
    """Whether an augmentation has a memory, and so learns from how real images are judged."""
    return type(augmentation).memory is not Augmentation.memory


def memory_of(augmentation: str) -> str:
    """Return the role of the network that is the memory of an augmentation of that name."""
    return f"augment_{augmentation}"


NO_AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType({})
