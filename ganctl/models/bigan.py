"""BiGAN: a generator, an encoder that inverts it, and a discriminator of pairs."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from ganctl.game import (
    GanPass,
    Kind,
    MixedPass,
    Networks,
    Player,
    Setup,
    Term,
    Turn,
    discriminator,
    generator,
    mean,
    on_passes,
)
from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.layers.strided_convolutions import enlarged, reduced
from ganctl.lazy import keras
from ganctl.models import registry


class PairPass(GanPass):
    """A batch of pairs: a real image and its code (x, E(x)), a latent vector and its image (G(z), z)."""

    @cached_property
    def code(self) -> Any:
        """The encoder's codes of the real images [N, latent_dim]."""
        return self.networks["encoder"](self.real, training=True)

    def judge(self, images: Any, classes: Any = None, kind: Kind = "real") -> list[Any]:
        """Return the score of images paired with the codes of the real or the vectors of the generated images."""
        partner = self.code if kind == "real" else self.latent
        return self._outputs([self.augmented(images, kind), partner])


class MixedPairPass(PairPass, MixedPass):
    """Pairs of both kinds as one batch."""

    @cached_property
    def verdict(self) -> list[Any]:
        """The scores of the whole batch, in the batch's order."""
        seen = self.in_order(self.augmented(self.real, "real"), self.augmented(self.fake, "fake"))
        pairs = [seen, self.in_order(self.code, self.latent)]
        return self._outputs(pairs)


class Swapped:
    """A pass in which real and generated pairs are swapped.

    The generator's loss on it is the encoder's loss: the encoder also wants its pairs to be taken for the other kind.
    Everything but the scores is the pass's own.

    Args:
        batch: the pass.
        mirrored: swaps the meaning of a score, as the loss defines it (`AdversarialLoss.mirrored`).
    """

    def __init__(self, batch: PairPass, mirrored: Callable[[Any], Any]) -> None:
        self._batch, self._mirrored = batch, mirrored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    @property
    def real_score(self) -> Any:
        """The mirrored scores of the generated pairs."""
        return self._mirrored(self._batch.fake_score)

    @property
    def fake_score(self) -> Any:
        """The mirrored scores of the real pairs."""
        return self._mirrored(self._batch.real_score)


def bigan_players(networks: Networks, setup: Setup) -> list[Player]:
    """A discriminator of pairs, and the generator and the encoder as one player against it (equation 3).

    Args:
        networks: the networks.
        setup: the experiment's settings.
    """
    judge = discriminator(setup)
    judge = replace(judge, turns=_of_pairs(judge), opponents={**judge.opponents, "encoder": "batch"})
    loss = setup.loss
    deceived = Term("e_adversarial", lambda batch: mean(loss.generator(Swapped(batch, loss.mirrored))))  # type: ignore[arg-type]
    pair = generator(setup, further=[deceived])
    turns = [replace(turn, draws={"real": setup.training.batch_size}) for turn in _of_pairs(pair)]
    return [judge, replace(pair, networks=["generator", "encoder"], turns=turns)]


@registry.register(
    "bigan",
    source="Donahue et al. 2016, https://arxiv.org/abs/1605.09782; Dumoulin et al. 2016, https://arxiv.org/abs/1606.00704",
    why_unfit=why_unfit,
    players=bigan_players,
)
def bigan(
    image_shape: tuple[int, int, int],
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 50,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
) -> dict[str, Any]:
    """Convolutional generator and encoder that learn each other's inverse, for images from 16x16 to 256x256.

    Neither has a reconstruction loss: if the discriminator cannot tell the pairs (x, E(x)) from (G(z), z), then E
    inverts G. In the paper the networks for small images are fully connected; these are convolutional, and only the
    generator has BatchNorm.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector and of the encoder's code.
        capacity: filters at the full resolution; doubled at each halving, up to eightfold.
    """
    resolutions, layers = Resolutions.of(*image_shape[:2]), keras.layers
    latent, image = keras.Input([latent_dim], name="latent"), keras.Input(image_shape, name="image")
    maps = enlarged(latent, resolutions, capacity, 4)
    generated = layers.Conv2D(image_shape[2], 3, padding="same", activation="tanh", dtype="float32")(maps)

    code = layers.Dense(latent_dim, dtype="float32")(layers.Flatten()(reduced(image, resolutions, capacity, 4)))

    partner = keras.Input([latent_dim], name="code")
    seen = layers.Dense(16 * capacity)(layers.Flatten()(reduced(image, resolutions, capacity, 4)))
    known = layers.Dense(16 * capacity)(partner)
    both = layers.Concatenate()([layers.LeakyReLU(0.2)(seen), layers.LeakyReLU(0.2)(known)])
    both = layers.LeakyReLU(0.2)(layers.Dense(16 * capacity)(both))
    return {
        "generator": keras.Model(latent, generated, name="generator"),
        "encoder": keras.Model(image, code, name="encoder"),
        "discriminator": keras.Model([image, partner], layers.Dense(1, dtype="float32")(both), name="discriminator"),
    }


def _of_pairs(player: Player) -> list[Turn]:
    """The player's turns, on passes of pairs."""
    return [on_passes(turn, PairPass, mixed=MixedPairPass) for turn in player.turns]
