"""Models by name: one file each, a builder that makes the networks for an image shape.

A builder gets `image_shape` (height, width, channels) and, if it has such a parameter, `num_classes`, and returns
networks by role. With `num_classes: int = 0` the builder also works without classes; without a default, images
without labels are refused. A model of several feeds may also take `image_shapes`, the shape of each feed's images, by
role. The other parameters are the user's keys under `model:`. Score heads yield logits; a discriminator's first output
is its score. Last layers compute in float32, whatever the precision. A generator's inputs are latent vectors, and
classes if one is called `classes` (`ganctl.game.inputs`). The fields of `ModelEntry` hold what else can be registered.

Floor 4, a shelf. May import: game, layers, registry.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ganctl.game import REAL, NoiseSampler, Player, Sampler, generator_and_discriminator
from ganctl.registry import Entry, Registry, import_siblings


def _any_size(height: int, width: int) -> str:
    return ""


@dataclass(frozen=True)
class ModelEntry(Entry):
    """A registered model.

    Attributes:
        players: makes the players from networks and a `Setup`; its keyword-only parameters are also the user's keys.
        why_unfit: given a height and width in pixels, returns what the model needs instead, or an empty string.
        pretrained: returns the parts of networks that can start from trained weights, by key; its keyword-only
            parameters are the user's keys, paths of those weights.
        noise_given: the arguments with which a generator that draws its own noise takes it as an input, for export.
        feeds: the roles of the images that it learns from.
        samplers: its ways to draw, by name. The first is the default.
        content_features: its players use `Setup.content_features`.
        noise_at_depths: its generator can take noise at several depths: one latent input each, from coarse to fine.
        paired: image k of one feed belongs to image k of every other: they are seen together, and mirrored together.
        features: the discriminator's last output are features for generator terms that need them. Otherwise these are
            what enters the layer that yields the score.
        sizes: its passes have `fakes`, the generated images in several sizes, the smallest first.
    """

    players: Callable[..., list[Player]] = generator_and_discriminator
    why_unfit: Callable[[int, int], str] = _any_size
    pretrained: Callable[..., Mapping[str, Any]] | None = None
    noise_given: Mapping[str, Any] = field(default_factory=dict)
    feeds: tuple[str, ...] = (REAL,)
    samplers: Mapping[str, Sampler] = field(default_factory=lambda: {"samples": NoiseSampler()})
    paired: bool = False
    content_features: bool = False
    features: bool = False
    sizes: bool = False
    noise_at_depths: bool = False

    def __post_init__(self) -> None:
        if not self.samplers:
            raise ValueError(f"model '{self.name}': samplers= must name at least one way to draw")
        for name, sampler in self.samplers.items():
            for feed in filter(None, (sampler.gives, sampler.takes)):
                if feed not in self.feeds:
                    raise ValueError(
                        f"model '{self.name}': the sampler '{name}' uses the feed '{feed}'; feeds= names only "
                        f"{', '.join(self.feeds)}"
                    )

    @property
    def learns_labels(self) -> bool:
        """Whether its networks are made for the classes of the images; the categories of others are their own."""
        return "num_classes" in inspect.signature(self.make).parameters

    @property
    def with_keys(self) -> tuple[Callable[..., Any], ...]:
        """Further functions whose keyword-only parameters are the user's keys."""
        return (*([self.pretrained] if self.pretrained else []), self.players)

    @property
    def sampler(self) -> Sampler:
        """The default way to draw."""
        return next(iter(self.samplers.values()))


registry = Registry("model", "model.name", ModelEntry, injected=("image_shape", "image_shapes", "num_classes"))

import_siblings(__name__, list(__path__))
