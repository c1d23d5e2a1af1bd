"""Instance norm as one operation for each image instead of ten or so for the batch.

TensorFlow's kernel of BatchNorm over a single image is instance norm. It reads the maps twice and converts bfloat16 on
the fly, forwards and backwards.
"""

from typing import Any

from ganctl.build.rewrites import Graph, StandIns
from ganctl.layers.instance_normalization import InstanceNormalization
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import tf

Tensor = Any

# More images are normalised together, which takes fewer operations.
MOST_IMAGES = 16


def rewrite(graph: Graph, before: StandIns) -> StandIns:
    """Fuse every instance norm in float32 or bfloat16."""
    return {
        layer: FusedInstance(layer)
        for layer in graph.layers
        if type(layer) is InstanceNormalization and layer.built and layer.compute_dtype in ("float32", "bfloat16")
    }


class FusedInstance(StandIn):
    """Instance norm in one operation for each image."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the normalised maps [N, H, W, C]; a batch that is unknown or large is left to the layer."""
        layer, count, channels = self.layer, inputs.shape[0], inputs.shape[-1]
        if count is None or count > MOST_IMAGES:
            return layer(inputs)
        scale = layer.gamma.value if layer.affine else tf.ones([channels])
        offset = layer.beta.value if layer.affine else tf.zeros([channels])
        # A row for each image: its gradients are then summed over a stack, always in the same order.
        scales, offsets = (tf.unstack(tf.tile(each[tf.newaxis], [count, 1])) for each in (scale, offset))
        normalised = [
            tf.raw_ops.FusedBatchNormV3(
                x=image, scale=s, offset=o, mean=[], variance=[], epsilon=layer.epsilon, is_training=True
            ).y
            for image, s, o in zip(tf.split(inputs, count), scales, offsets, strict=True)
        ]
        return tf.concat(normalised, axis=0) if count > 1 else normalised[0]
