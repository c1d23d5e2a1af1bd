"""Real and generated images in pairs: which of the two is more real (RpGAN, R3GAN)."""

from dataclasses import dataclass
from typing import Any

from ganctl.game import AdversarialLoss, GanPass
from ganctl.lazy import tf
from ganctl.losses import registry

Tensor = Any


@registry.register(
    "relativistic",
    source="Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734; Huang et al. 2024, "
    "https://arxiv.org/abs/2501.05441, equation 2",
)
@dataclass(frozen=True)
class Relativistic(AdversarialLoss):
    """Logistic loss on the difference of the scores of a real and a generated image, pair by pair.

    The discriminator's loss is log(1 + exp(-(D(x) - D(G(z))))), reported half on the real and half on the generated
    image; the generator's is log(1 + exp(-(D(G(z)) - D(x)))), for which its turn also sees real images. Only
    differences of scores have a meaning: d_real is above d_fake if the discriminator is right. A class-conditional
    discriminator compares two images of one class: the generator draws the classes of the real images.
    """

    needs_both = True  # without a type, so that these are not keys of the file
    needs_real = True
    zero_divides = False

    def real(self, batch: GanPass) -> Tensor:
        """softplus(-(D(x) - D(G(z)))) / 2."""
        return 0.5 * tf.nn.softplus(batch.fake_score - batch.real_score)

    def fake(self, batch: GanPass) -> Tensor:
        """The same: the pair's other half."""
        return self.real(batch)

    def generator(self, batch: GanPass) -> Tensor:
        """softplus(-(D(G(z)) - D(x)))."""
        return tf.nn.softplus(batch.real_score - batch.fake_score)
