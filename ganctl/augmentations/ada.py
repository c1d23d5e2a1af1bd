"""ADA: as much augmentation as the discriminator needs in order not to memorize the training images."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

import ganctl.layers
from ganctl.augmentations import registry
from ganctl.game import Augmentation, Key
from ganctl.layers.resampling import reflected, with_columns, with_rows
from ganctl.lazy import tf

Tensor = Any
Kind = Literal["pixels", "geometry", "colour"]

UPDATES_BETWEEN = 4
SHIFT = 0.125

# Drawn for every image from N(0, 1) and from U[0, 1), and the changes that are applied or not. The order matters:
# another one draws other numbers.
NORMAL = "scale", "slim", "move rows", "move columns", "brightness", "contrast", "saturation"
UNIFORM = "turns", "mirrored", "shift rows", "shift columns", "inverted", "hue"
CHANGES = "turn", "mirror", "shift", "scale", "slim", "move", "brightness", "contrast", "lightness", "hue", "saturation"


@registry.register("ada", source="Karras et al. 2020, https://arxiv.org/abs/2006.06676, section 3 and appendix B")
@dataclass(frozen=True)
class Ada(Augmentation):
    """Adaptive augmentation: its probability follows how sure the discriminator is of real images.

    Every change is applied to an image with probability p, the column `augment_ada`, which starts at 0. After every
    four discriminator updates p rises if r, the mean of sign(D(x)) over their real images, is above the target, and
    falls otherwise: r is 1 for a discriminator that recognises them all. The changes are the paper's: mirroring,
    quarter turns and shifts by whole pixels (`pixels`), stretching and moving (`geometry`), brightness, contrast,
    inverted lightness, hue and saturation (`colour`); without the paper's small rotations, which do not separate into
    rows and columns. For a few hundred to a few thousand images.

    Args:
        target: the value of r to hold by adjusting p.
        speed: number of images in which p can go from 0 to 1.
        policy: the groups of changes.
    """

    target: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.6
    speed: Annotated[int, Field(ge=1)] = 500_000
    policy: Annotated[tuple[Kind, ...], Field(min_length=1, strict=False)] = ("pixels", "geometry", "colour")

    def memory(self) -> Any:
        """Return a layer with p, and the signs of the real images since its last change."""
        return ganctl.layers.AdaMemory(dtype="float32")

    def apply(self, images: Tensor, key: Key, memory: Any) -> Tensor:
        """Return the images, each change applied with the memory's probability p."""
        chance = _Chance(key, images.shape[0], memory.probability.value)
        if "pixels" in self.policy or "geometry" in self.policy:
            images = self._moved(images, chance)
        return _coloured(images, chance) if "colour" in self.policy else images

    def learn(self, memory: Any, judged_real: Tensor) -> Tensor:
        """Count the signs, adjust p at every fourth update, and return it (equation 1 and section 3)."""
        signs = memory.signs + tf.reduce_sum(2.0 * tf.cast(judged_real, tf.float32) - 1.0)
        images = memory.images + tf.cast(tf.size(judged_real), tf.float32)
        updates = memory.updates + 1.0
        due = updates >= UPDATES_BETWEEN
        step = tf.sign(signs / images - self.target) * images / self.speed
        probability = tf.clip_by_value(memory.probability + step, 0.0, 1.0)
        memory.probability.assign(tf.where(due, probability, memory.probability))
        for variable, value in ((memory.signs, signs), (memory.images, images), (memory.updates, updates)):
            variable.assign(tf.where(due, 0.0, value))
        return tf.convert_to_tensor(memory.probability.value)

    def _moved(self, images: Tensor, chance: "_Chance") -> Tensor:
        """Mirror, turn, shift and stretch, in the paper's order, with one resampling; borders are reflected."""
        height, width = images.shape[1:3]
        turns = tf.zeros(images.shape[:1], tf.int32)
        if "pixels" in self.policy:
            turns = chance.allowed("turn", tf.cast(chance.uniform("turns", 0.0, 4.0), tf.int32), 0)
            if height != width:
                turns = turns // 2 * 2
            else:
                turned = (turns % 2 == 1)[:, tf.newaxis, tf.newaxis, tf.newaxis]
                images = tf.where(turned, tf.transpose(images, [0, 2, 1, 3]), images)
        scale = chance.allowed("scale", tf.exp(chance.normal("scale") * 0.2 * math.log(2.0)), 1.0)
        slim = chance.allowed("slim", tf.exp(chance.normal("slim") * 0.2 * math.log(2.0)), 1.0)
        rows = self._sources(chance, "rows", height, turns >= 2, scale / slim)
        # A quarter turn is a transposition and one mirroring, half a turn is two of these.
        mirrored = (turns == 1) | (turns == 2)
        if "pixels" in self.policy:
            mirrored ^= chance.allowed("mirror", chance.uniform("mirrored") < 0.5, False)
        return with_columns(with_rows(images, rows), self._sources(chance, "columns", width, mirrored, scale * slim))

    def _sources(self, chance: "_Chance", axis: str, size: int, mirrored: Tensor, scale: Tensor) -> Tensor:
        """The source position of each row or column [N, size] of the changed images."""
        middle = (size - 1) / 2
        places = tf.range(size, dtype=tf.float32)[tf.newaxis] - middle
        if "geometry" in self.policy:
            shift = chance.allowed("move", SHIFT * size * chance.normal(f"move {axis}"), 0.0)
            places = (places - shift[:, tf.newaxis]) / scale[:, tf.newaxis]
        if "pixels" in self.policy:
            whole = tf.round(chance.uniform(f"shift {axis}", -SHIFT, SHIFT) * size)
            places -= chance.allowed("shift", whole, 0.0)[:, tf.newaxis]
        return reflected(tf.where(mirrored[:, tf.newaxis], -places, places) + middle, size)


class _Chance:
    """The random numbers of a batch, and which changes apply, [N] each: every change is drawn independently.

    All are drawn at once, because a graph of many small draws takes long to compile and to run.
    """

    def __init__(self, key: Key, count: int, probability: Tensor) -> None:
        def drawn(draw: Callable[..., Tensor], purpose: str, names: Sequence[str]) -> dict[str, Tensor]:
            return dict(zip(names, tf.unstack(draw(purpose, [len(names), count])), strict=True))

        self._normal = drawn(key.normal, "normal", NORMAL)
        self._uniform = drawn(key.uniform, "uniform", UNIFORM)
        self._allowed = {what: u < probability for what, u in drawn(key.uniform, "allowed", CHANGES).items()}

    def normal(self, what: str) -> Tensor:
        """Return float32 [N] from N(0, 1)."""
        return self._normal[what]

    def uniform(self, what: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return float32 [N] from U[low, high)."""
        return low + (high - low) * self._uniform[what]

    def allowed(self, change: str, value: Tensor, nothing: Any) -> Tensor:
        """Return the values [N], replaced by the neutral value `nothing` where the change does not apply."""
        return tf.where(self._allowed[change], value, nothing)


def _coloured(images: Tensor, chance: _Chance) -> Tensor:
    """Brightness, contrast, inverted lightness, hue and saturation, in the paper's order, as one colour matrix."""

    def each(change: str, value: Tensor, nothing: Any) -> Tensor:
        return tf.reshape(chance.allowed(change, value, nothing), [-1, 1, 1])

    brightness = each("brightness", 0.2 * chance.normal("brightness"), 0.0)
    contrast = each("contrast", tf.exp(chance.normal("contrast") * 0.5 * math.log(2.0)), 1.0)
    inverted = tf.where(chance.uniform("inverted") < 0.5, -1.0, 1.0)
    lightness = each("lightness", inverted, 1.0)
    grey = tf.fill([images.shape[3]] * 2, 1.0 / images.shape[3])
    matrix = lightness * grey
    if images.shape[3] == 3:
        matrix += _of_hue_and_saturation(each, chance, tf.eye(3) - grey)
    elif images.shape[3] > 1:
        matrix += tf.eye(images.shape[3]) - grey  # bands have no hue
    offset = (contrast * lightness * brightness)[..., tf.newaxis]
    return tf.einsum("nhwc,ncd->nhwd", images, contrast * matrix) + offset


def _of_hue_and_saturation(each: Callable[..., Tensor], chance: _Chance, colour: Tensor) -> Tensor:
    """Matrices [N, 3, 3] that rotate colours about the grey axis and stretch them; `colour` removes grey, [3, 3].

    Rodrigues' formula: cos(angle) x + sin(angle) k x x for x orthogonal to the axis k = (1, 1, 1) / sqrt(3).
    """
    angle = each("hue", chance.uniform("hue", -math.pi, math.pi), 0.0)
    saturation = each("saturation", tf.exp(chance.normal("saturation") * math.log(2.0)), 1.0)
    across = tf.constant([[0.0, 1.0, -1.0], [-1.0, 0.0, 1.0], [1.0, -1.0, 0.0]]) / math.sqrt(3.0)
    return saturation * (tf.cos(angle) * colour + tf.sin(angle) * across)
