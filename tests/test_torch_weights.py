"""Weights from and to PyTorch: the same images to 1e-5, by the lines that the file itself carries."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCli, WriteYaml

import ganctl.generation.formats.safetensors_torch as format_module
from ganctl.errors import DataError, GanctlError, UsageError
from ganctl.game import Game
from ganctl.game import state as game_state
from ganctl.generation.formats import formats
from ganctl.generation.torch_modules import Weight
from ganctl.generation.torch_translation import listed, translated
from ganctl.lazy import keras
from ganctl.run_folder.paths import RunFolder
from ganctl.training.from_torch import TorchFile, find_start, transfer_from_torch

torch = pytest.importorskip("torch", reason="PyTorch is in the extra 'bench'")
from safetensors.torch import load_file, save_file  # noqa: E402
from torch import nn  # noqa: E402

KIND = formats()["safetensors-torch"]
L = keras.layers
CLOSE = 1e-5


def with_numbers(network: Any) -> Any:
    """Give every variable values that leave no layer without effect."""
    random = np.random.default_rng(0)
    for variable in network.variables:
        positive = "variance" in variable.path or "gamma" in variable.path
        values = random.uniform(0.5, 1.5, variable.shape) if positive else random.normal(0, 0.4, variable.shape)
        variable.assign(values / max(1.0, np.prod(variable.shape[:-1])) ** 0.5 if len(variable.shape) > 1 else values)
    return network


def generator_of(*layers: Any, size: int = 6) -> Any:
    """A generator that begins with maps of 3x4 with 5 channels."""
    latent = keras.Input([size], name="latent")
    maps = L.Reshape([3, 4, 5])(L.Dense(60, activation="tanh")(latent))
    return with_numbers(keras.Model(latent, keras.Sequential(layers)(maps)))


def transposed(size: int, strides: int, padding: str) -> Callable[[], Any]:
    return lambda: generator_of(L.Conv2DTranspose(3, size, strides, padding=padding))


def convolution(size: int, strides: int, padding: str) -> Callable[[], Any]:
    return lambda: generator_of(L.UpSampling2D((2, 1)), L.Conv2D(3, size, strides, padding=padding))


def chain() -> Any:
    return generator_of(
        L.BatchNormalization(epsilon=0.01, momentum=0.8),
        L.LeakyReLU(0.3),
        L.ZeroPadding2D(((1, 0), (2, 3))),
        L.Conv2D(4, (2, 3), dilation_rate=2, activation="relu"),
        L.BatchNormalization(scale=False),
        L.Activation("sigmoid"),
        L.Dropout(0.5),
        L.Conv2DTranspose(4, (3, 5), (2, 1), padding="same", use_bias=False),
        L.Cropping2D(((1, 0), (0, 2))),
        L.Conv2D(6, 3, padding="same", groups=2),
    )


def through_a_vector() -> Any:
    """Maps become a vector and maps again; BatchNorm on the vector on both sides."""
    return generator_of(
        L.Flatten(),
        L.BatchNormalization(),
        L.LeakyReLU(0.1),
        L.Dense(24, activation="relu"),
        L.BatchNormalization(center=False),
        L.Reshape([2, 3, 4]),
        L.Conv2D(1, 1, activation="tanh"),
    )


def several_inputs() -> Any:
    latent, classes = keras.Input([6], name="latent"), keras.Input([1], dtype="int32", name="classes")
    known = L.Multiply()([latent, L.Flatten()(L.Embedding(10, 6)(classes))])
    maps = L.Reshape([2, 3, 6])(L.Concatenate()([known, L.Dense(30)(known)]))
    deeper = L.Conv2D(6, 3, padding="same", activation="relu")(maps)
    joined = L.Concatenate()([L.Add()([maps, deeper]), deeper])
    return with_numbers(keras.Model({"latent": latent, "classes": classes}, L.Conv2D(2, 1)(joined)))


NETWORKS: dict[str, Callable[[], Any]] = {
    **{
        f"transposed {size} by {strides}, {padding}": transposed(size, strides, padding)
        for size, strides, padding in (
            *((size, 2, "same") for size in range(1, 7)),
            *((size, 1, "same") for size in (2, 3)),
            *((size, 3, "same") for size in (2, 3, 4, 5, 6)),
            *((size, 2, "valid") for size in (1, 2, 3, 4)),
        )
    },
    **{
        f"convolution {size} by {strides}, {padding}": convolution(size, strides, padding)
        for size in (1, 2, 3, 4, 5)
        for strides, padding in ((1, "same"), (2, "same"), (3, "same"), (2, "valid"))
        if size < 5 or padding == "same"
    },
    "chain": chain,
    "through a vector": through_a_vector,
    "several inputs": several_inputs,
}


def inputs_of(network: Any) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    drawn = {"latent": random.normal(size=(3, 6)).astype("f"), "classes": np.array([[1], [9], [0]], np.int32)}
    return {tensor.name: drawn[tensor.name] for tensor in network.inputs}


def expected(network: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
    images: np.ndarray = network(inputs if len(inputs) > 1 else next(iter(inputs.values())), training=False).numpy()
    return images


@pytest.mark.parametrize("name", NETWORKS)
def test_the_lines_of_the_readme_draw_the_same_in_pytorch(name: str, tmp_path: Path) -> None:
    network, path = NETWORKS[name](), tmp_path / "g.safetensors"
    inputs = inputs_of(network)
    KIND.write(network, path)
    names: dict[str, Any] = {**inputs}
    reading, drawing = KIND.usage(network, path)
    exec("\n".join([*reading, *drawing]), names)
    wanted = expected(network, inputs)
    assert wanted.std() > 1e-3
    np.testing.assert_allclose(names["images"], wanted, atol=CLOSE)
    with_metadata = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
    lines = with_metadata["__metadata__"]["readme"]
    assert "\n".join(translated(network).source()) in lines
    assert "batchnorm_epsilon" not in with_metadata["__metadata__"] or "eps=" in lines


@pytest.mark.parametrize("name", ["chain", "several inputs", "transposed 3 by 2, same", "through a vector"])
@pytest.mark.parametrize("with_torch", [True, False])
def test_the_file_is_checked_with_pytorch_and_without(
    name: str, with_torch: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, path = NETWORKS[name](), tmp_path / "g.safetensors"
    inputs = inputs_of(network)
    KIND.write(network, path)
    if not with_torch:
        monkeypatch.setattr(format_module.importlib.util, "find_spec", lambda name: None)
    (drawn,) = KIND.run(network, path, [inputs])
    np.testing.assert_allclose(drawn, expected(network, inputs), atol=CLOSE)
    content = load_file(path)
    largest = max(content, key=lambda key: content[key].numel())
    content[largest] = content[largest].flip(-1).contiguous()
    save_file(content, path)
    (damaged,) = KIND.run(network, path, [inputs])
    assert np.abs(damaged - expected(network, inputs)).max() > 1e-3, "other weights draw other images"


def test_tensors_of_the_file_are_as_pytorch_has_them(tmp_path: Path) -> None:
    network, path = chain(), tmp_path / "g.safetensors"
    KIND.write(network, path)
    content = load_file(path)
    assert all(tensor.is_contiguous() for tensor in content.values())
    layer = next(layer for layer in network.layers[-1].layers if isinstance(layer, L.Conv2D))
    found = next(tensor for name, tensor in content.items() if tuple(tensor.shape) == (4, 5, 2, 3))
    for y, x, i, o in np.ndindex(*layer.kernel.shape):
        assert found[o, i, y, x] == layer.kernel.numpy()[y, x, i, o]


def test_every_variable_of_any_network_is_in_the_file() -> None:
    class Odd(keras.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight(shape=(3, 2), name="factor")
            self.inner = L.Dense(4)
            self.inner.build(input_shape)

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs) * self.factor[0, 0]

    latent = keras.Input([4], name="latent")
    network = with_numbers(keras.Model(latent, L.Reshape([2, 2, 1])(Odd()(latent))))
    modules = listed(network)
    assert [module.kind for module in modules] == ["Odd", "Linear"]
    held = {id(weight.variable) for module in modules for weight in module.weights.values()}
    assert held == {id(variable) for variable in network.variables}


def test_a_weight_goes_there_and_back() -> None:
    variable = keras.Variable(np.random.default_rng(0).normal(size=(3, 5, 2, 4)))
    weight = Weight.of(
        variable, lambda a: np.pad(a.transpose(3, 2, 0, 1), [(0, 0), (0, 0), (1, 0), (0, 0)], constant_values=-1)
    )
    tensor = weight.to_torch()
    assert tensor.shape == (4, 2, 4, 5)
    assert not tensor[:, :, 0].any()
    np.testing.assert_array_equal(weight.to_keras(tensor), variable.numpy())


# --- from PyTorch


def torch_generator(width: int, channels: int = 1, size: int = 4, latent: int = 64) -> Any:
    """A DCGAN's generator as PyTorch's tutorial writes it, of 16x16, with ganctl's last layer."""
    torch.manual_seed(0)

    def doubled(given: int, made: int) -> list[Any]:
        odd = {"output_padding": 1} if size % 2 else {}
        layer = nn.ConvTranspose2d(given, made, size, 2, (size - 1) // 2, bias=False, **odd)
        return [layer, nn.BatchNorm2d(made), nn.ReLU(True)]

    network = nn.Sequential(
        nn.ConvTranspose2d(latent, 4 * width, 4, 1, 0, bias=False),
        nn.BatchNorm2d(4 * width),
        nn.ReLU(True),
        *doubled(4 * width, 2 * width),
        *doubled(2 * width, width),
        nn.Conv2d(width, channels, 3, 1, 1),
        nn.Tanh(),
    )
    return taught(network)


def torch_discriminator(width: int, size: int = 4) -> Any:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 2 * width, size, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 4 * width, size, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4 * width, 1, 4, 1, 0),
    )


def taught(network: Any) -> Any:
    """Moving statistics as after training, which differ from channel to channel, and small ones among them."""
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.001, 0.5)
    return network.eval()


def state_of(network: Any, prefix: str = "") -> dict[str, Any]:
    return {prefix + name: tensor.contiguous() for name, tensor in network.state_dict().items()}


def drawn_by_torch(network: Any, latent: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        images: np.ndarray = network(torch.from_numpy(latent)[:, :, None, None]).permute(0, 2, 3, 1).numpy()
    return images


@pytest.fixture
def dcgan(small_game: Callable[..., Game]) -> Game:
    return small_game("dcgan", {"dataset.image_size": 16, "model.capacity": 8, "model.latent_dim": 64})


LATENT = np.random.default_rng(2).normal(size=(5, 64)).astype("f")


def read(path: Path) -> TorchFile:
    found = TorchFile.read(path)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["float32", "with a prefix", "two files' worth"])
def test_a_dcgan_written_in_pytorch_computes_the_same_here(kind: str, dcgan: Game, tmp_path: Path) -> None:
    generator, discriminator = torch_generator(8), torch_discriminator(8)
    path = tmp_path / "w.safetensors"
    content = state_of(generator, {"float32": "", "with a prefix": "main.", "two files' worth": "netG.main."}[kind])
    if kind == "two files' worth":
        content |= state_of(discriminator, "netD.main.")
    save_file(content, path)
    before = game_state.collect_network(dcgan, "discriminator")
    fits = {fit.role: fit for fit in transfer_from_torch(dcgan, read(path))}
    assert fits["generator"].fitted == fits["generator"].total
    assert not fits["generator"].notes
    images = dcgan.networks["generator"](LATENT, training=False).numpy()
    wanted = drawn_by_torch(generator, LATENT)
    assert wanted.std() > 0.1
    np.testing.assert_allclose(images, wanted, atol=CLOSE)
    if kind == "two files' worth":
        assert fits["discriminator"].fitted == fits["discriminator"].total
        with torch.no_grad():
            scores = discriminator(torch.from_numpy(wanted).permute(0, 3, 1, 2)).flatten(1).numpy()
        np.testing.assert_allclose(dcgan.networks["discriminator"](wanted).numpy(), scores, atol=CLOSE)
        return
    assert not fits["discriminator"].source
    for name, array in game_state.collect_network(dcgan, "discriminator").items():
        np.testing.assert_array_equal(array, before[name])


def test_a_file_of_a_discriminator_alone_goes_to_the_discriminator(dcgan: Game, tmp_path: Path) -> None:
    save_file(state_of(torch_discriminator(8)), tmp_path / "d.safetensors")
    fits = {fit.role: fit for fit in transfer_from_torch(dcgan, read(tmp_path / "d.safetensors"))}
    assert fits["discriminator"].fitted == fits["discriminator"].total
    assert not fits["generator"].source


def test_odd_transposed_kernels_become_even_ones_and_draw_the_same(dcgan: Game, tmp_path: Path) -> None:
    generator = torch_generator(8, size=3)
    save_file(state_of(generator), tmp_path / "g.safetensors")
    (fit, *_) = transfer_from_torch(dcgan, read(tmp_path / "g.safetensors"))
    assert fit.fitted == fit.total
    images = dcgan.networks["generator"](LATENT, training=False).numpy()
    np.testing.assert_allclose(images, drawn_by_torch(generator, LATENT), atol=CLOSE)


def test_an_odd_transposed_kernel_in_one_as_odd_draws_one_pixel_further(tmp_path: Path) -> None:
    """Keras' SAME cuts the surplus behind, PyTorch's padding in front; the report says so."""
    from ganctl.training.from_torch import _layers, _plan

    latent = keras.Input([6], name="latent")
    maps = L.Reshape([3, 4, 5])(L.Dense(60)(latent))
    network = with_numbers(keras.Model(latent, L.Conv2DTranspose(2, 3, 2, padding="same")(maps)))
    torch.manual_seed(0)
    other = nn.Sequential(
        nn.Linear(6, 60), nn.Unflatten(1, (5, 3, 4)), nn.ConvTranspose2d(5, 2, 3, 2, 1, output_padding=1)
    )
    tensors = {name: tensor.numpy() for name, tensor in other.state_dict().items()}
    plan = _plan(network, _layers(tensors), 1e-5)
    assert [(name, taken.shifted) for taken, name in plan] == [("0", False), ("2", True)]
    for taken, _ in plan:
        for variable, value in taken.values:
            variable.assign(value)
    given = np.random.default_rng(0).normal(size=(2, 6)).astype("f")
    with torch.no_grad():
        wanted = other(torch.from_numpy(given)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(network(given).numpy()[:, 1:, 1:], wanted[:, :-1, :-1], atol=CLOSE)


def test_odd_strided_convolutions_become_even_ones(dcgan: Game, tmp_path: Path) -> None:
    discriminator = torch_discriminator(8, size=3)
    save_file(state_of(discriminator), tmp_path / "d.safetensors")
    fits = {fit.role: fit for fit in transfer_from_torch(dcgan, read(tmp_path / "d.safetensors"))}
    assert fits["discriminator"].fitted == fits["discriminator"].total
    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 1)).astype("f")
    with torch.no_grad():
        scores = discriminator(torch.from_numpy(images).permute(0, 3, 1, 2)).flatten(1).numpy()
    np.testing.assert_allclose(dcgan.networks["discriminator"](images).numpy(), scores, atol=CLOSE)


def test_what_does_not_fit_is_said_and_stays(dcgan: Game, tmp_path: Path) -> None:
    generator = torch_generator(8)
    content = state_of(generator)
    content["9.weight"] = torch.zeros(1, 8, 5, 5)
    content["12.weight"], content["12.bias"] = torch.zeros(3), torch.zeros(3)
    save_file(content, tmp_path / "g.safetensors")
    before = game_state.collect_network(dcgan, "generator")
    (fit, *_) = transfer_from_torch(dcgan, read(tmp_path / "g.safetensors"))
    assert fit.fitted == fit.total - 2
    assert [misfit.split(".")[1] for misfit in fit.misfits] == ["Conv2D", "Conv2D"]
    assert fit.notes == ("not used: 9", "not used: 12")
    after = game_state.collect_network(dcgan, "generator")
    kept = [name for name in after if ".Conv2D." in name]
    assert len(kept) == 2
    for name in kept:
        np.testing.assert_array_equal(after[name], before[name])


def test_half_precision_is_read(dcgan: Game, tmp_path: Path) -> None:
    generator = torch_generator(8).to(torch.bfloat16)
    save_file(state_of(generator), tmp_path / "g.safetensors")
    (fit, *_) = transfer_from_torch(dcgan, read(tmp_path / "g.safetensors"))
    assert fit.fitted == fit.total
    images = dcgan.networks["generator"](LATENT, training=False).numpy()
    np.testing.assert_allclose(images, drawn_by_torch(generator.float(), LATENT), atol=CLOSE)


def test_nothing_fits_and_nothing_changes(dcgan: Game, tmp_path: Path) -> None:
    save_file({"a.weight": torch.zeros(3, 3)}, tmp_path / "a.safetensors")
    before = game_state.collect(dcgan)
    with pytest.raises(UsageError, match="no layer in common"):
        transfer_from_torch(dcgan, read(tmp_path / "a.safetensors"))
    for group, tensors in game_state.collect(dcgan).items():
        for name, array in tensors.items():
            np.testing.assert_array_equal(array, before[group][name])


@pytest.mark.parametrize("epsilon", ["no number", "nan", "-1", "7"])
def test_an_epsilon_that_is_none_is_refused(epsilon: str, tmp_path: Path) -> None:
    save_file({"a.weight": torch.zeros(3)}, tmp_path / "a.safetensors", {"batchnorm_epsilon": epsilon})
    with pytest.raises(GanctlError, match="batchnorm_epsilon in its metadata"):
        TorchFile.read(tmp_path / "a.safetensors")


@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
def test_what_is_exported_comes_back_to_the_last_bit(
    upsampling: str, small_game: Callable[..., Game], tmp_path: Path
) -> None:
    changes = {"dataset.image_size": 18, "model.capacity": 2, "model.upsampling": upsampling}
    game = small_game("dcgan", changes)
    generator = with_numbers(game.networks["generator"])
    KIND.write(generator, tmp_path / "g.safetensors")
    written = game_state.collect_network(game, "generator")
    for variable in generator.variables:
        variable.assign(variable * 0 + 0.25)
    fits = transfer_from_torch(game, read(tmp_path / "g.safetensors"))
    assert fits[0].fitted == fits[0].total
    for name, array in game_state.collect_network(game, "generator").items():
        np.testing.assert_array_equal(array, written[name], name)


@pytest.mark.slow
def test_the_command_trains_from_a_file_of_pytorch(tiny_yaml: WriteYaml, run_cli: RunCli, tmp_path: Path) -> None:
    save_file(state_of(torch_generator(8)), tmp_path / "g.safetensors")
    model = {"name": "dcgan", "capacity": 8, "latent_dim": 64}
    config = tiny_yaml({"model": model, "dataset.image_size": 16, "training.iterations": 1})
    done = run_cli("train", config, "--init-from", tmp_path / "g.safetensors", "--output-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "g.safetensors, in PyTorch's layout" in done.stdout
    (info,) = [json.loads(path.read_text()) for path in tmp_path.glob("*/run.json")]
    assert info["init_from"]["networks"]["generator"] == {"from": "generator", "fitted": 17, "of": 17}
    assert RunFolder(next(tmp_path.glob("*/run.json")).parent).exists


def both(generator: Any, discriminator: Any, before: str = "") -> dict[str, Any]:
    return state_of(generator, before + "generator.") | state_of(discriminator, before + "discriminator.")


@pytest.mark.parametrize("before", ["module.", "gan._orig_mod."])
def test_what_stands_before_the_roles_counts_for_nothing(before: str, dcgan: Game, tmp_path: Path) -> None:
    """DataParallel and torch.compile put such names first."""
    generator, discriminator = taught(torch_generator(8)), taught(torch_discriminator(8))
    save_file(both(generator, discriminator, before), tmp_path / "w.safetensors")
    fits = {fit.role: fit for fit in transfer_from_torch(dcgan, read(tmp_path / "w.safetensors"))}
    assert all(fits[role].fitted == fits[role].total for role in ("generator", "discriminator"))
    latent = np.random.default_rng(0).normal(size=(5, 64)).astype("float32")
    np.testing.assert_allclose(
        dcgan.networks["generator"](latent, training=False), drawn_by_torch(generator, latent), atol=CLOSE
    )


def test_tensors_beside_the_two_networks_do_not_mix_them(dcgan: Game, tmp_path: Path) -> None:
    generator, discriminator = taught(torch_generator(8)), taught(torch_discriminator(8))
    beside = {"fixed_noise": torch.zeros(4, 64), "accuracy.weight": torch.ones(3)}
    save_file(both(generator, discriminator) | beside, tmp_path / "w.safetensors")
    fits = transfer_from_torch(dcgan, read(tmp_path / "w.safetensors"))
    assert [fit.fitted for fit in fits] == [fit.total for fit in fits]
    assert [note for fit in fits for note in fit.notes] == ["not used: fixed_noise", "not used: accuracy"]
    latent = np.random.default_rng(0).normal(size=(5, 64)).astype("float32")
    np.testing.assert_allclose(
        dcgan.networks["generator"](latent, training=False), drawn_by_torch(generator, latent), atol=CLOSE
    )


@pytest.mark.parametrize(("tensor", "value"), [("weight", np.nan), ("weight", np.inf), ("running_var", -1.0)])
def test_weights_that_are_no_numbers_are_refused_and_nothing_changes(
    tensor: str, value: float, dcgan: Game, tmp_path: Path
) -> None:
    state = both(taught(torch_generator(8)), taught(torch_discriminator(8)))
    name = next(name for name in state if name.endswith(tensor))
    state[name].view(-1)[0] = value
    save_file(state, tmp_path / "w.safetensors")
    before = [variable.numpy() for variable in dcgan.networks["generator"].variables]
    with pytest.raises(DataError, match=f"'{name.split('.', 1)[1].rpartition('.')[0]}'.* negative variance"):
        transfer_from_torch(dcgan, read(tmp_path / "w.safetensors"))
    for variable, value_before in zip(dcgan.networks["generator"].variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value_before)


def test_a_pickle_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not a pickle")
    with pytest.raises(UsageError, match=r"never loaded.*save_file") as refused:
        find_start(path)
    assert refused.value.exit_code == 2
