"""Pictures that are nearly the same: one saved again in another size, quality or format.

A difference hash (dHash; N. Krawetz 2013, "Kind of like that") proposes pairs; small copies of both pictures decide:
the hash alone would match most pictures with an empty background.
"""

from dataclasses import dataclass

import numpy as np

from ganctl.images.resize import resized, to_channels

HASH_BITS = 64
MAX_DISTANCE = 3
"""Hamming distance of the hashes of a proposed pair. At least one of four 16-bit parts is then the same in both."""
SIDE = 16
"""Height and width of the small copies."""
MAX_MEAN_DIFFERENCE, MAX_DIFFERENCE = 3.0, 24
"""Grey levels by which the small copies of nearly equal pictures may differ on average, and anywhere."""

_PARTS = 4
_FLAT = 1  # grey levels by which rounding and compression vary an even background
# The most pairs whose hashes are compared per part, and the most pairs of copies in all, neighbours in the order of the
# hashes first: a folder of a hundred thousand empty pictures has more, and would take hours. Each limit is reached in a
# few seconds.
_MOST_HASHES, _MOST_COPIES = 20_000_000, 1_000_000
_POPULATION = np.array([bin(value).count("1") for value in range(2**16)], np.uint8)


@dataclass(frozen=True)
class Sketch:
    """What is compared of a picture.

    Attributes:
        bits: 64 bits: for each pixel of a copy of 8 x 9, whether its right neighbour is brighter.
        copy: uint8 [16, 16, 3], the whole picture distorted to a square.
    """

    bits: int
    copy: np.ndarray

    @classmethod
    def of(cls, pixels: np.ndarray) -> "Sketch":
        """Return the sketch of a picture, uint8 [H,W,1 or 3]."""
        rows = resized(to_channels(pixels, 1), 8, 9)[..., 0].astype(np.int16)
        bits = np.packbits(rows[:, 1:] > rows[:, :-1] + _FLAT)
        return cls(int.from_bytes(bits.tobytes(), "big"), to_channels(resized(pixels, SIDE, SIDE), 3))


def groups_of_near_duplicates(sketches: list[Sketch]) -> list[list[int]]:
    """Return groups of two or more pictures, by their indices in the list, each group and all groups in order.

    A picture belongs to a group if it is nearly the same as any other in the group.
    """
    if len(sketches) < 2:
        return []
    hashes = np.array([sketch.bits for sketch in sketches], np.uint64)
    copies = np.stack([sketch.copy for sketch in sketches])
    colours = copies.mean(axis=(1, 2))
    leaders = np.arange(len(sketches))
    searched: list[int] = []
    copies_left = _MOST_COPIES
    for part in range(_PARTS):
        same = _part(hashes, part)
        order = np.lexsort((colours.sum(axis=1), hashes, same))
        hashes_left = _MOST_HASHES
        for shift in range(1, len(order)):
            first, second = order[:-shift], order[shift:]
            within = same[first] == same[second]
            if not within.any():
                searched.append(part)
                break
            first, second = first[within], second[within]
            hashes_left -= len(first)
            if min(hashes_left, copies_left) < 0:
                break
            # The cheapest test comes first. Pairs with an earlier part in common were already proposed by it.
            new = leaders[first] != leaders[second]
            for earlier in searched:
                new &= _part(hashes[first], earlier) != _part(hashes[second], earlier)
            first, second = first[new], second[new]
            close = _distance(hashes[first], hashes[second]) <= MAX_DISTANCE
            close &= np.abs(colours[first] - colours[second]).mean(axis=1) <= MAX_MEAN_DIFFERENCE
            copies_left -= int(close.sum())
            for one, other in _alike(copies, first[close], second[close]):
                _join(leaders, one, other)
    return _collected(leaders)


def _part(hashes: np.ndarray, part: int) -> np.ndarray:
    """16 of the 64 bits."""
    return (hashes >> np.uint64(16 * part)) & np.uint64(0xFFFF)


def _distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The number of differing bits of uint64 hashes."""
    return _POPULATION[(first ^ second).view(np.uint16).reshape(len(first), 4)].sum(axis=1, dtype=np.uint8)


def _alike(copies: np.ndarray, first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """The pairs whose small copies differ little."""
    found: list[tuple[int, int]] = []
    for start in range(0, len(first), 4096):
        one, other = first[start : start + 4096], second[start : start + 4096]
        difference = np.abs(copies[one].astype(np.int16) - copies[other]).reshape(len(one), -1)
        alike = (difference.max(axis=1) <= MAX_DIFFERENCE) & (difference.mean(axis=1) <= MAX_MEAN_DIFFERENCE)
        found += zip(one[alike].tolist(), other[alike].tolist(), strict=True)
    return found


def _leader(leaders: np.ndarray, item: int) -> int:
    """The first picture of an item's group; paths are shortened on the way."""
    while leaders[item] != item:
        leaders[item] = leaders[leaders[item]]
        item = int(leaders[item])
    return item


def _join(leaders: np.ndarray, one: int, other: int) -> None:
    low, high = sorted((_leader(leaders, one), _leader(leaders, other)))
    leaders[high] = low


def _collected(leaders: np.ndarray) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for item in range(len(leaders)):
        groups.setdefault(_leader(leaders, item), []).append(item)
    return [group for group in groups.values() if len(group) > 1]
