"""The pull-away term: generated images of one batch should look different to the discriminator."""

from typing import Any

from ganctl.game import GanPass, GeneratorTerm
from ganctl.lazy import tf
from ganctl.losses import generator_terms


@generator_terms.register("pull_away", source="Zhao et al. 2016, https://arxiv.org/abs/1609.03126, equation 4")
def pull_away() -> GeneratorTerm:
    """Mean squared cosine between the discriminator's features of every two generated images of a batch.

    It keeps a generator from making one image only. Features are those before the score; of `ebgan`, the code.
    """

    def term(batch: GanPass) -> Any:
        features = tf.cast(batch.fake_features, tf.float32)
        count = features.shape[0]
        if count < 2:
            return tf.constant(0.0)
        directions = tf.math.l2_normalize(tf.reshape(features, [count, -1]), axis=1)
        cosines = tf.linalg.set_diag(directions @ tf.transpose(directions), tf.zeros([count]))
        return tf.reduce_sum(tf.square(cosines)) / (count * (count - 1))

    return GeneratorTerm(term, needs="features", partial=True)
