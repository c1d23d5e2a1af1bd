"""WGAN-GP (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028) as a plugin of ganctl."""

from ganctl.game import AdversarialLoss
from ganctl.lazy import keras
from ganctl.losses import registry as losses
from ganctl.models import registry as models


@losses.register("my_wasserstein", source="equation 2 of the paper, without its penalty, which ganctl has")
class Wasserstein(AdversarialLoss):
    """The critic's score of generated images minus that of real ones."""

    def real(self, batch):
        """What the critic pays on real images, [N, 1]."""
        return -batch.real_score

    def fake(self, batch):
        """What it pays on generated ones."""
        return batch.fake_score

    def generator(self, batch):
        """What the generator pays."""
        return -batch.fake_score


@models.register("my_wgan_gp", source="the paper's networks, made small")
def wgan_gp(image_shape: tuple[int, int, int], *, latent_dim: int = 64, capacity: int = 32):
    """Convolutional pair for sizes that four divides; the critic has no BatchNorm, which the penalty forbids.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector.
        capacity: filters at half the resolution.
    """
    layers, (height, width, channels) = keras.layers, image_shape
    generator = keras.Sequential([keras.Input([latent_dim])])
    generator.add(layers.Dense(height // 4 * (width // 4) * 2 * capacity))
    generator.add(layers.Reshape([height // 4, width // 4, 2 * capacity]))
    for _ in range(2):
        generator.add(layers.BatchNormalization())
        generator.add(layers.Conv2DTranspose(capacity, 4, 2, padding="same", activation="relu"))
    generator.add(layers.Conv2D(channels, 3, padding="same", activation="tanh", dtype="float32"))
    critic = keras.Sequential([keras.Input(image_shape)])
    for filters in (capacity, 2 * capacity):
        critic.add(layers.Conv2D(filters, 4, 2, padding="same", activation="leaky_relu"))
    critic.add(layers.Flatten())
    critic.add(layers.Dense(1, dtype="float32"))
    return {"generator": generator, "discriminator": critic}
