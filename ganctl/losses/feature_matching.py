"""Feature matching: generated images should have the real images' features on average."""

from typing import Any

from ganctl.game import GanPass, GeneratorTerm, mean
from ganctl.lazy import tf
from ganctl.losses import generator_terms


@generator_terms.register(
    "feature_matching", source="Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.1"
)
def feature_matching() -> GeneratorTerm:
    """Mean squared difference between the discriminator's mean features of real and of generated images.

    Features are those before the score. The paper sums over the features; this is the mean, so that a weight means the
    same for networks of every width.
    """

    def term(batch: GanPass) -> Any:
        real, fake = (tf.reduce_mean(tf.cast(f, tf.float32), 0) for f in (batch.real_features, batch.fake_features))
        return mean(tf.square(tf.stop_gradient(real) - fake))

    return GeneratorTerm(term, needs="features", needs_real=True, partial=True)
