"""Codes of a generator, such as InfoGAN's, set one by one: to a value, or swept from one to another.

A code is an entry of the latent input called `code`. Everything else of a sample stays as it is drawn.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganctl.errors import UsageError
from ganctl.game.inputs import CLASSES, CODE
from ganctl.generation.drawing import sample_latent
from ganctl.generation.latents import as_vectors
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.sample_files import CodeTable
from ganctl.images.class_names import class_name

STEPS = 9
"""The values of a sweep: an odd number, so that the middle is among them."""
ROWS = 10
"""The rows of a sweep by default."""

Given = float | tuple[float, float]
"""What a code is set to: a value, or the two ends of a sweep."""


@dataclass(frozen=True)
class SetCodes:
    """Codes that are set.

    Attributes:
        given: what each code is set to, by its number. Of two sweeps, the first goes across and the second down.
    """

    given: Mapping[int, Given]

    @classmethod
    def of_options(cls, given: Sequence[tuple[int, Given]]) -> "SetCodes":
        """Return the codes of `--code`; raises UsageError if one is set twice."""
        if len({number for number, _ in given}) < len(given):
            raise UsageError(f"--code sets a code twice. Received: {', '.join(str(number) for number, _ in given)}")
        return cls(dict(given))

    def __post_init__(self) -> None:
        """Raise UsageError if a value is too large, a sweep goes nowhere, or if there are more than two."""
        for number, given in self.given.items():
            if not np.all(np.abs(given) <= np.finfo(np.float32).max):
                raise UsageError(f"code {number}: a latent vector cannot hold this number. Received: {_shown(given)}")
        for number, ends in self.swept.items():
            if np.float32(ends[0]) == np.float32(ends[1]):
                raise UsageError(f"code {number}: a sweep needs two different ends. Received: {_shown(ends)}")
        if len(self.swept) > 2:
            raise UsageError(
                f"code: at most two codes can be swept, one across and one down. Received: {len(self.swept)}. Set the "
                "others to a value."
            )

    @property
    def swept(self) -> dict[int, tuple[float, float]]:
        """The two ends of each sweep, by the code's number."""
        return {number: ends for number, ends in self.given.items() if isinstance(ends, tuple)}

    @property
    def of_each(self) -> int:
        """The number of images of each latent vector."""
        return int(STEPS ** len(self.swept))

    @property
    def in_words(self) -> str:
        """What is set, as on the command line: `0=-2..2, 1=0.5`."""
        return ", ".join(f"{number}={_shown(ends)}" for number, ends in self.given.items())

    @property
    def in_file_names(self) -> str:
        """The same as the end of a file name: `-code0=-2..2-code1=0.5`."""
        return "".join(f"-code{number}={_shown(ends)}" for number, ends in self.given.items())

    def usual_count(self, vectors: int | None) -> int:
        """Return the default number of images; `vectors` is how many latent vectors are given, None if none are."""
        if vectors is not None:
            return self.of_each * vectors
        return {0: 64, 1: STEPS * ROWS, 2: STEPS**2}[len(self.swept)]

    def samples(
        self,
        trained: TrainedGenerator,
        count: int,
        classes: Sequence[int] = (),
        *,
        seed: int = 0,
        truncation: float | None = None,
        given: np.ndarray | None = None,
    ) -> "CodeSamples":
        """Return the latent vectors of samples with these codes.

        Args:
            trained: the generator.
            count: number of images. Without a sweep, image k is that of the seed but for the codes. With one, each
                latent vector, and the class that comes with it, gives as many images as the sweep has values.
            classes: the classes to draw, cyclically: that of an image or, with a sweep, of a latent vector.
            seed: of the latent vectors.
            truncation: as in `Key.latent`; only of what is drawn.
            given: latent vectors [N, latent_size] to begin with instead.

        Raises:
            UsageError: the generator has no such code.
        """
        first, width = _place_of_codes(trained)
        for number in self.given:
            if not 0 <= number < width:
                last = f"numbers from 0 to {width - 1}" if width > 1 else "the number 0"
                raise UsageError(f"code: this generator's codes have {last}. Received: {number}")
        rows = -(-count // self.of_each)
        if given is None:
            given = as_vectors(sample_latent(trained.network, rows, seed, trained.distribution, truncation))
        vectors = np.repeat(given[:rows], self.of_each, axis=0)[:count]
        place = np.arange(count) % self.of_each
        for number, ends in self.given.items():
            vectors[:, first + number] = self._values(number)[place] if isinstance(ends, tuple) else ends
        own = [classes[number // self.of_each % len(classes)] for number in range(count)] if classes else []
        return CodeSamples(self, vectors, own, vectors[:, first : first + width])

    def _values(self, number: int) -> np.ndarray:
        """Return the value of a swept code in each image of a latent vector, float32 [of_each]."""
        values = np.linspace(*self.swept[number], STEPS, dtype=np.float32)
        if len(self.swept) == 1:
            return values
        across = next(iter(self.swept)) == number
        return np.tile(values, STEPS) if across else np.repeat(values, STEPS)


@dataclass(frozen=True)
class CodeSamples:
    """Samples whose codes are set.

    Attributes:
        codes: what is set.
        vectors: float32 [N, latent_size].
        classes: the class of each; empty without classes.
        values: all codes of each, float32 [N, codes].
    """

    codes: SetCodes
    vectors: np.ndarray
    classes: list[int]
    values: np.ndarray

    def table(self, names: Sequence[str]) -> CodeTable:
        """Return how the samples are written; `names` are those of the classes."""
        swept = list(self.codes.swept)
        places = tuple(self.codes.given)
        if not swept:
            return CodeTable(self.values, places)
        headings = [f"{value:g}" for value in self.codes._values(swept[0])[:STEPS]]
        starts = range(0, len(self.vectors), STEPS)
        if len(swept) == 2:
            rows = [f"{self.values[start, swept[1]]:g}" for start in starts]
        else:
            rows = [class_name(self.classes[start], names) for start in starts] if self.classes else []
        return CodeTable(self.values, places, STEPS, headings, rows)


def _place_of_codes(trained: TrainedGenerator) -> tuple[int, int]:
    """Return where a generator's codes begin in its latent vectors, and how many there are; raises UsageError."""
    trained.check_draws_from_noise()
    start = 0
    for tensor in trained.network.inputs:
        width = math.prod(tensor.shape[1:])
        if tensor.name == CODE:
            return start, width
        start += 0 if tensor.name == CLASSES else width
    raise UsageError(
        f"code: the model '{trained.parts.model.name}' has no codes. Codes are for models that find them, such as "
        "infogan. Leave it out."
    )


def _shown(ends: Given) -> str:
    return f"{ends[0]:g}..{ends[1]:g}" if isinstance(ends, tuple) else f"{ends:g}"
