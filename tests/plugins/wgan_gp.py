"""WGAN-GP (Gulrajani et al. 2017) as a plugin: a critic loss, a critic without BatchNorm, the shipped penalty."""

from dataclasses import dataclass
from typing import Any

from ganctl import losses, models
from ganctl.game import AdversarialLoss, GanPass
from ganctl.lazy import keras


@losses.registry.register(
    "plugin_wasserstein", source="Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, equation 3"
)
@dataclass(frozen=True)
class Wasserstein(AdversarialLoss):
    """The critic's mean score of generated images minus that of real ones."""

    def real(self, batch: GanPass) -> Any:
        return -batch.real_score

    def fake(self, batch: GanPass) -> Any:
        return batch.fake_score

    def generator(self, batch: GanPass) -> Any:
        return -batch.fake_score


@models.registry.register(
    "plugin_wgan_gp", source="Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, made small"
)
def wgan_gp(image_shape: tuple[int, int, int], *, latent_dim: int = 8) -> dict[str, Any]:
    """A small pair whose critic has LayerNorm where others have BatchNorm.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector.
    """
    layers, (height, width, channels) = keras.layers, image_shape
    generator = keras.Sequential(
        [
            keras.Input([latent_dim]),
            layers.Dense(height // 2 * (width // 2) * 8),
            layers.Reshape((height // 2, width // 2, 8)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(channels, 4, 2, padding="same", activation="tanh", dtype="float32"),
        ]
    )
    critic = keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(8, 4, 2, padding="same"),
            layers.LayerNormalization(),
            layers.LeakyReLU(0.2),
            layers.Flatten(),
            layers.Dense(1, dtype="float32"),
        ]
    )
    return {"generator": generator, "discriminator": critic}
