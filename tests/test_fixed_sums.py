"""No sum of a round depends on timing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from conftest import play_stage, recipe_of, shipped, slow_but

from ganctl import models
from ganctl.experiment.experiment import Experiment
from ganctl.game import Game
from ganctl.game.fixed_sums import add_in_fixed_order, in_fixed_order

MODELS = [entry.name for entry in shipped(models.registry)]
FOUR_AT_ONCE = {"TF_NUM_INTEROP_THREADS": "4", "TF_NUM_INTRAOP_THREADS": "2", "CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture(scope="module", autouse=True)
def _fixed_order() -> None:
    add_in_fixed_order()


def traced_like_a_game(function: Callable[..., Any], **settings: Any) -> Any:
    return tf.function(in_fixed_order()(function), autograph=False, **settings)


def executed(call: Callable[[], Any]) -> list[Any]:
    """The nodes of all functions that are played in a call, as TensorFlow's optimizer leaves them."""
    from tensorflow.python.eager import context

    context.context().enable_run_metadata()
    try:
        context.context().export_run_metadata()  # of operations that were computed before
        call()
        graphs = [each.post_optimization_graph for each in context.context().export_run_metadata().function_graphs]
    finally:
        context.context().disable_run_metadata()
    return [node for graph in graphs for nodes in parts_of(graph) for node in nodes]


def parts_of(graph: Any) -> Iterator[Iterable[Any]]:
    """The nodes of a graph, and those of each function that it may call."""
    functions = {function.signature.name: function for function in graph.library.function}
    found, left = set[str](), [graph.node]
    while left:
        nodes = left.pop()
        yield nodes
        for name in {name for node in nodes for name in called(node)} & functions.keys() - found:
            found.add(name)
            left.append(functions[name].node_def)


def called(node: Any) -> list[str]:
    """The names of what may be functions that a node calls."""
    attributes = node.attr.values()
    return [node.op, *(each.func.name for each in attributes), *(f.name for each in attributes for f in each.list.func)]


def joined(nodes: Iterable[Any]) -> list[str]:
    """Sums of three or more tensors in one operation."""
    return [node.name for node in nodes if node.op in ("AddN", "AccumulateNV2") and node.attr["N"].i > 2]


def three(count: int = 1000) -> list[Any]:
    """Vectors of which each order of addition has a sum of its own."""
    random = np.random.default_rng(0)
    return [tf.constant(random.normal(size=count), tf.float32) for _ in range(3)]


def plain(a: Any, b: Any, c: Any) -> Any:
    """A sum as anybody writes it."""
    return tf.sin(a) + tf.cos(b) + tf.tanh(c)


def at_once(a: Any, b: Any, c: Any) -> Any:
    """A sum by the function for sums."""
    return tf.add_n([tf.sin(a), tf.cos(b), tf.tanh(c)])


def flowing_together(a: Any, b: Any, c: Any) -> Any:
    """A gradient that comes from three places."""
    with tf.GradientTape() as tape:
        tape.watch(a)
        loss = tf.reduce_sum(tf.sin(a) * b) + tf.reduce_sum(tf.exp(a) * c) + tf.reduce_sum(tf.tanh(a))
    return tape.gradient(loss, a)


def now_and_then(a: Any, b: Any, c: Any) -> Any:
    """A gradient that comes from three places of a branch, like that of a lazy penalty."""
    with tf.GradientTape() as tape:
        tape.watch(a)
        loss = tf.cond(
            b[0] < 9,
            lambda: tf.reduce_sum(tf.sin(a) * b) + tf.reduce_sum(tf.exp(a) * c) + tf.reduce_sum(tf.tanh(a)),
            lambda: 0.0,
        )
    return tape.gradient(loss, a)


@pytest.mark.parametrize("written", [plain, at_once, flowing_together, now_and_then])
def test_a_sum_of_three_is_two_additions_in_the_graph_that_is_played(written: Callable[..., Any]) -> None:
    inputs, function = three(), traced_like_a_game(written)
    nodes = executed(lambda: function(*inputs))
    assert joined(nodes) == []
    assert sum(node.op in ("AddN", "Add", "AddV2") for node in nodes) >= 2
    np.testing.assert_allclose(function(*inputs), written(*inputs), rtol=1e-5, atol=1e-6)


def test_the_order_is_that_of_the_names() -> None:
    def named(a: Any, b: Any, c: Any) -> Any:
        names = ("z", "x", "y")
        return tf.add_n([tf.negative(each, name=name) for each, name in zip((a, b, c), names, strict=True)])

    a, b, c = (-each.numpy() for each in three())
    found = traced_like_a_game(named)(*three())
    np.testing.assert_array_equal(found, (b + c) + a)
    assert np.any((a + b) + c != found)


def test_gradients_of_sums_are_right_any_number_of_times() -> None:
    def twice(a: Any, b: Any, c: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(a)
            slope = flowing_together(a, b, c)
        return tape.gradient(slope, a)

    a, b, c = three()
    found = traced_like_a_game(twice)(a, b, c)
    tanh = np.tanh(a)
    np.testing.assert_allclose(found, -np.sin(a) * b + np.exp(a) * c - 2 * tanh * (1 - tanh**2), rtol=1e-4, atol=1e-5)


def test_sums_that_are_exact_or_compiled_by_xla_or_outside_of_a_game_stay_one_operation() -> None:
    def types(function: Any, inputs: Any) -> list[str]:
        return [operation.type for operation in function.get_concrete_function(*inputs).graph.get_operations()]

    whole = traced_like_a_game(lambda *counts: tf.add_n(counts))
    assert types(whole, [tf.constant([each]) for each in (1, 2, 3)]).count("AddN") == 1
    compiled = traced_like_a_game(at_once, jit_compile=True)
    assert types(compiled, three()).count("AddN") == 1
    assert types(traced_like_a_game(at_once), three()).count("AddN") == 2
    outside_of_a_game = tf.function(at_once, autograph=False)
    assert types(outside_of_a_game, three()).count("AddN") == 1


def test_what_is_added_twice_as_fixed_is_fixed_once() -> None:
    from tensorflow.python.ops import gen_math_ops

    before = gen_math_ops.add_n, gen_math_ops.add_v2
    add_in_fixed_order()
    assert (gen_math_ops.add_n, gen_math_ops.add_v2) == before


@pytest.mark.parametrize("model", slow_but(["dense_gan", "wgan_gp"], MODELS))
def test_no_sum_of_a_models_round_is_one_of_three(model: str, small_game: Callable[..., Game]) -> None:
    """With the loss, penalties and forward passes of its shipped file."""
    game = small_game(model, recipe_of(model))
    for stage in game.stages:
        nodes = executed(partial(play_stage, game, stage, 1))
        added = sum(node.op == "AssignAddVariableOp" for node in nodes)  # so steps with momentum move each variable
        roles = {role for player in stage.players for role in player.networks}
        moved = sum(len(game.networks[role].trainable_variables) for role in roles)
        usual = any(node.op.startswith("ResourceApply") or node.op == "AssignSubVariableOp" for node in nodes)
        assert usual or added >= moved > 0
        assert joined(nodes) == []


REPEATS = """
import sys
import numpy as np
from ganctl.game.fixed_sums import in_fixed_order
from ganctl.host.device import select_device
from ganctl.lazy import tf
from ganctl.training.prepared import prepare_process

prepare_process(select_device("cpu"))
random = np.random.default_rng(0)
inputs = [tf.constant(random.normal(size=20_000), tf.float32) for _ in range(3)]

@tf.function(autograph=False)
@in_fixed_order()
def sums(a, b, c):
    a, b, c = tf.sin(a), tf.cos(b), tf.tanh(c)
    return a + b + c, tf.add_n([a, b, c]), a * b, tf.exp(a), tf.sqrt(b * b)

found = [sums(*inputs) for _ in range(300)]
print([len({each[i].numpy().tobytes() for each in found}) for i in (0, 1)], end="")
"""


def output_of(*arguments: object, seconds: int) -> str:
    """What Python prints in a process of its own, with four threads between operations."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, **FOUR_AT_ONCE}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def test_a_sum_whose_terms_are_read_elsewhere_too_is_the_same_every_time() -> None:
    """Without `add_in_fixed_order`, each of the two is one of two sums, about as often the one as the other."""
    assert output_of("-c", REPEATS, seconds=120) == "[1, 1]"


BUSY = """
import random
import time

while True:
    until = time.monotonic() + random.uniform(0, 0.02)
    while time.monotonic() < until:
        pass
    time.sleep(random.uniform(0, 0.01))
"""


@contextmanager
def another_at_work() -> Iterator[None]:
    """A process that wants a processor most of the time, at irregular moments."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as other:
        try:
            yield
        finally:
            other.kill()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_model_played_twice_on_a_busy_machine_is_the_same_in_every_byte(
    small_experiment: Callable[..., Experiment], tmp_path: Path
) -> None:
    files = []
    for model in MODELS:
        files.append(tmp_path / f"{model}.yaml")
        files[-1].write_text(small_experiment(model, recipe_of(model)).to_yaml())
    with another_at_work():
        lines = output_of(Path(__file__).with_name("played_twice.py"), 50, *files, seconds=1700).splitlines()
    found = [json.loads(line) for line in lines]
    assert [each["name"] for each in found] == MODELS
    assert all(each["compared"] > 10 for each in found)
    assert {each["name"]: each["differ"] for each in found if each["differ"]} == {}
