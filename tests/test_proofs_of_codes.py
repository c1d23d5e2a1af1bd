"""The figures of the proofs of models with codes: InfoGAN's information and groups, BiGAN's ratio and neighbours."""

import math

import numpy as np
import pytest
from scipy.stats import entropy

from benchmarks.papers import bigan, clothes, infogan

RANDOM = np.random.default_rng(0)


def test_the_bound_is_the_entropy_less_the_cross_entropy() -> None:
    categories = np.arange(1000) % 10
    sure = np.eye(10)[categories] * 100
    assert infogan.information(sure, categories) == pytest.approx(math.log(10))
    assert infogan.information(np.zeros((1000, 10)), categories) == pytest.approx(0.0)
    # A reader that knows the truth, which is one of two categories, gives the information itself: log(10) - log(2).
    halves = np.where(np.arange(10) // 2 == categories[:, np.newaxis] // 2, 50.0, 0.0)
    assert infogan.information(halves, categories) == pytest.approx(math.log(10) - entropy([0.5, 0.5]))
    assert infogan.information(-sure, categories) < 0, "worse than a guess"


def test_r_squared_is_the_variance_that_is_explained() -> None:
    true = RANDOM.uniform(-1, 1, 1000)
    assert infogan.r_squared(true, true) == 1.0
    assert infogan.r_squared(np.full(1000, true.mean()), true) == pytest.approx(0.0)
    noise = RANDOM.permutation(true)
    assert infogan.r_squared(true + 0.5 * (noise - noise.mean()), true) == pytest.approx(0.75, abs=1e-6)


def test_groups_are_matched_one_to_one_at_their_best() -> None:
    labels = np.arange(100) % 10
    assert infogan.matched((labels + 3) % 10, labels) == 1.0, "whatever the groups are called"
    # All in one group: a tenth, not all of it.
    assert infogan.matched(np.zeros(100, int), labels) == 0.1
    # Group 0 has 4 of label 0 and 3 of label 1, group 1 has 3 of label 0: together, 3 + 3 are more than 4 + 0.
    groups, given = np.array([0] * 7 + [1] * 3), np.array([0] * 4 + [1] * 3 + [0] * 3)
    assert infogan.matched(groups, given) == 0.6


def test_the_ratio_compares_each_picture_with_its_own_and_with_anothers_reconstruction() -> None:
    images = RANDOM.uniform(-1, 1, (50, 4, 4, 1))
    assert bigan.ratio(images, images) == 0.0
    assert bigan.ratio(images, np.zeros_like(images)) == pytest.approx(1.0), "codes that say nothing"
    two = np.zeros((2, 1, 2, 1))
    two[0, 0, :, 0], two[1, 0, :, 0] = (3.0, 4.0), (0.0, 0.0)
    made = np.zeros_like(two)
    made[1, 0, :, 0] = (3.0, 0.0)
    # |x - G(E(x))|: 5 and 3; of the other picture: |(0, 4)| = 4 and 0.
    assert bigan.ratio(two, made) == pytest.approx((5 + 3) / (4 + 0))


def test_the_neighbour_is_the_nearest_code_of_the_other_set() -> None:
    def of(labels: list[int]) -> clothes.Clothes:
        return clothes.Clothes(np.zeros((len(labels), 2, 2, 1), np.uint8), np.array(labels), ())

    known, codes = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[1.0, 1.0], [9.0, 0.0], [6.0, 0.0], [2.0, 0.0]])
    assert bigan.neighbours(known, codes, of([3, 5]), of([3, 5, 5, 5])) == 0.75
