"""Writes docs/gradients.md: which layers a gradient penalty can differentiate; tests keep the page true.

`tests/test_second_derivatives.py` measures every case, and fails for a layer without one.
"""

import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import ganctl.layers
from ganctl.keras_internals import READ_FROM
from ganctl.lazy import keras

TENSORFLOW = "2.21"
PAGE = Path(__file__).with_name("gradients.md")

Verdict = Literal["right", "wrong", "None", "LookupError"]
Layer = Any
VECTOR, SERIES, IMAGE, VOLUME = (4,), (5, 3), (6, 6, 3), (4, 4, 4, 2)
BY_RANK = {"1D": SERIES, "2D": IMAGE, "3D": VOLUME}


@dataclass(frozen=True)
class Case:
    """A layer as it can stand in a discriminator.

    Attributes:
        layer: its name.
        label: tells the cases of a layer apart.
        make: makes the layer, or a network around it.
        shapes: of its inputs, without the batch.
        first: what TensorFlow computes of the first derivative.
        second: what it computes of the second.
        ganctl: what ganctl does about it; empty if nothing is to be done.
        single: TensorFlow has no kernels in float64.
    """

    layer: str
    label: str
    make: Callable[[], Layer]
    shapes: Sequence[tuple[int, ...]]
    first: Verdict = "right"
    second: Verdict = "right"
    ganctl: Literal["", "computed", "refused"] = ""
    single: bool = False

    @property
    def name(self) -> str:
        """The layer with the label."""
        return f"{self.layer} ({self.label})" if self.label else self.layer


def _words(text: str) -> list[str]:
    return text.split()


PIPELINE = "changes pictures on their way to a network; a discriminator's are changed by `training.augment`"
NO_NUMBERS = "takes texts or whole numbers, which have no gradient"
ANOTHER = "holds a network of another library or program"
NOTHING = "computes nothing by itself"
NOT_IN_A_DISCRIMINATOR: Mapping[str, str] = {
    **dict.fromkeys(
        _words(
            "AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization "
            "MaxNumBoundingBoxes MixUp Pipeline RandAugment RandomColorJitter RandomCrop RandomElasticTransform "
            "RandomHue RandomPosterization RandomSaturation Solarization"
        ),
        PIPELINE,
    ),
    **dict.fromkeys(
        _words("CategoryEncoding Discretization HashedCrossing Hashing IntegerLookup StringLookup TextVectorization"),
        NO_NUMBERS,
    ),
    **dict.fromkeys(["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"], ANOTHER),
    **dict.fromkeys(
        _words("InputLayer Layer Wrapper StandIn WithShape ConvolutionStandIn Recorder AdaMemory"), NOTHING
    ),
    "ImagePool": "remembers generated images and passes no gradient on",
    "TimesNoise": "adds noise to what a generator draws",
}

ACTIVATIONS = _words(
    "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear "
    "log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign "
    "sparse_plus sparse_sigmoid sparsemax squareplus tanh tanh_shrink"
)
SAME_SIZE = {"strides": 1, "padding": "same"}


@cache
def cases() -> list[Case]:
    """Return all cases, those of Keras' layers and of ganctl's own."""
    return [*_activations(), *_by_rank(), *_others(), *_normalisations(), *_resizing(), *_augmenting(), *_ganctls()]


def _of(layer: str, shape: Any, label: str = "", **settings: Any) -> Case:
    """A case of one of Keras' layers; settings that a `Case` has are the case's."""
    own = {key: settings.pop(key) for key in ("first", "second", "ganctl", "single") if key in settings}
    shapes = shape if isinstance(shape, list) else [shape]
    return Case(layer, label, lambda: getattr(keras.layers, layer)(**settings), shapes, **own)


def _around(layer: str, label: str, make: Callable[[], Layer], shape: Any, **own: Any) -> Case:
    return Case(layer, label, make, [shape], **own)


def _activations() -> Iterator[Case]:
    for name in ACTIVATIONS:
        own = {"second": "LookupError", "ganctl": "refused"} if name == "softsign" else {}
        yield _of("Activation", VECTOR, name, activation=name, **own)
    for layer in _words("ELU LeakyReLU PReLU ReLU Softmax"):
        yield _of(layer, SERIES)


def _by_rank() -> Iterator[Case]:
    for rank, shape in BY_RANK.items():
        single = rank == "3D"
        yield _of(f"AdaptiveAveragePooling{rank}", shape, output_size=2, single=single)
        yield _of(f"AdaptiveMaxPooling{rank}", shape, output_size=2, single=single)
        yield _of(f"AveragePooling{rank}", shape, pool_size=2, single=single)
        yield _of(f"AveragePooling{rank}", shape, "stride 1", pool_size=3, **SAME_SIZE, single=single)
        yield _of(f"MaxPooling{rank}", shape, pool_size=2, single=single)
        own = {"single": single, "second": "wrong", "ganctl": "computed"}
        yield _of(f"MaxPooling{rank}", shape, 'stride 1, "same"', pool_size=3, **SAME_SIZE, **own)
        yield _of(f"GlobalAveragePooling{rank}", shape)
        yield _of(f"GlobalMaxPooling{rank}", shape)
        yield _of(f"Conv{rank}", shape, filters=2, kernel_size=3)
        yield _of(f"Conv{rank}", shape, "stride 2", filters=2, kernel_size=3, strides=2, padding="same")
        yield _of(f"Conv{rank}", shape, "dilated", filters=2, kernel_size=2, dilation_rate=2)
        yield _of(f"Conv{rank}Transpose", shape, filters=2, kernel_size=3, strides=2)
        yield _of(f"ConvLSTM{rank}", (3, *shape), filters=2, kernel_size=2)
        yield _of(f"Cropping{rank}", shape)
        yield _of(f"ZeroPadding{rank}", shape)
        yield _of(f"SpatialDropout{rank}", shape, rate=0.4, seed=1)
        yield _of(f"UpSampling{rank}", shape)
    for rank in ("1D", "2D"):
        yield _of(f"DepthwiseConv{rank}", BY_RANK[rank], kernel_size=2)
        yield _of(f"SeparableConv{rank}", BY_RANK[rank], filters=2, kernel_size=2)


def _others() -> Iterator[Case]:
    layers = keras.layers
    for layer in _words("Add Average Concatenate Maximum Minimum Multiply Subtract"):
        yield _of(layer, [VECTOR, VECTOR])
    yield _of("Dot", [VECTOR, VECTOR], axes=1)
    yield _of("AdditiveAttention", [SERIES, SERIES])
    yield _of("Attention", [SERIES, SERIES])
    for name, settings in (
        ("MultiHeadAttention", {"num_heads": 2, "key_dim": 2}),
        ("GroupedQueryAttention", {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1}),
    ):
        yield _around(name, "", partial(_attending, name, settings), SERIES)
    for layer in ("AlphaDropout", "Dropout", "GaussianDropout"):
        yield _of(layer, VECTOR, rate=0.4, seed=1)
    yield _of("GaussianNoise", VECTOR, stddev=0.4, seed=1)
    for layer in ("ActivityRegularization", "Flatten", "Identity", "Masking"):
        yield _of(layer, SERIES)
    yield _of("Dense", VECTOR, units=3)
    yield _of("EinsumDense", VECTOR, equation="ab,bc->ac", output_shape=3, bias_axes="c")
    for name in ("Embedding", "ReversibleEmbedding"):
        yield _around(name, "", partial(_looked_up, name), VECTOR)
    yield _of("CenterCrop", IMAGE, height=4, width=4)
    yield _of("Permute", SERIES, dims=(2, 1))
    yield _of("RepeatVector", VECTOR, n=2)
    yield _of("Rescaling", IMAGE, scale=2.0)
    yield _of("Reshape", VECTOR, target_shape=(2, 2))
    for layer in ("GRU", "LSTM", "SimpleRNN"):
        yield _of(layer, SERIES, units=2)
        yield _around(f"{layer}Cell", "", lambda name=f"{layer}Cell": layers.RNN(getattr(layers, name)(2)), SERIES)
    yield _around("RNN", "", lambda: layers.RNN(layers.LSTMCell(2), return_sequences=True), SERIES)
    stacked = lambda: layers.RNN(layers.StackedRNNCells([layers.LSTMCell(2), layers.GRUCell(2)]))  # noqa: E731
    yield _around("StackedRNNCells", "", stacked, SERIES)
    yield _around("Bidirectional", "", lambda: layers.Bidirectional(layers.LSTM(2)), SERIES)
    yield _around("TimeDistributed", "", lambda: layers.TimeDistributed(layers.Dense(2)), SERIES)
    yield _around("Lambda", "", lambda: layers.Lambda(lambda x: x * x), VECTOR)
    mel = {"fft_length": 16, "sequence_stride": 8, "sampling_rate": 64, "num_mel_bins": 4}
    yield _of("MelSpectrogram", (64,), **mel, single=True)
    yield _of("STFTSpectrogram", (64, 1), frame_length=16, frame_step=8)


def _attending(layer: str, settings: Mapping[str, Any]) -> Any:
    x = keras.Input(SERIES)
    # Keras exports GroupedQueryAttention under another name.
    found = next(each for each in vars(keras.layers).values() if getattr(each, "__name__", "") == layer)
    return keras.Model(x, found(**settings)(x, x, x))


def _looked_up(layer: str, of: Any = keras.layers) -> Any:
    """Vectors of whole numbers times the squares of the inputs: a projection discriminator's way."""
    x = keras.Input(VECTOR)
    vectors = getattr(of, layer)(2, 3)(keras.ops.cast(x > 0, "int32"))
    return keras.Model(x, vectors * keras.ops.square(x)[..., None])


def _normalisations() -> Iterator[Case]:
    wrong = {"second": "wrong", "ganctl": "computed"}
    yield _of("BatchNormalization", VECTOR, "vectors", **wrong)
    yield _of("BatchNormalization", IMAGE, "images", **wrong)
    yield _of("BatchNormalization", IMAGE, "images, axis=1", axis=1, **wrong)
    own = {"first": "wrong", "second": "wrong", "ganctl": "refused"}
    yield _of("BatchNormalization", VECTOR, "renorm", renorm=True, **own)
    yield _of("LayerNormalization", VECTOR, "vectors", **wrong)
    yield _of("LayerNormalization", IMAGE, "images", **wrong)
    yield _of("LayerNormalization", IMAGE, "images, every axis", axis=[1, 2, 3], **wrong)
    yield _of("GroupNormalization", (6,), "vectors", groups=2, **wrong)
    yield _of("GroupNormalization", (6, 6, 4), "images", groups=2, **wrong)
    yield _of("GroupNormalization", (4, 6, 6), "images, axis=1", groups=2, axis=1, **wrong)
    yield _of("GroupNormalization", IMAGE, "instance normalisation", groups=-1, **wrong)
    for layer in ("RMSNormalization", "UnitNormalization", "Normalization"):
        yield _of(layer, SERIES)
    spectral = lambda: keras.layers.SpectralNormalization(keras.layers.Dense(2))  # noqa: E731
    yield _around("SpectralNormalization", "", spectral, VECTOR, **own)


def _resizing() -> Iterator[Case]:
    computed = {"single": True, "ganctl": "computed"}
    for kind in ("bilinear", "bicubic", "lanczos3", "lanczos5"):
        second = "None" if kind == "bilinear" else "LookupError"
        yield _of("UpSampling2D", IMAGE, kind, size=(2, 3), interpolation=kind, second=second, **computed)
    for kind in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"):
        own = {"first": "LookupError" if kind == "area" else "right", **computed}
        own["second"] = "None" if kind == "bilinear" else "LookupError"
        yield _of("Resizing", IMAGE, kind, height=9, width=4, interpolation=kind, **own)
    yield _of("Resizing", IMAGE, "antialiased", height=3, width=4, antialias=True, second="LookupError", **computed)


def _augmenting() -> Iterator[Case]:
    of_values = {"value_range": (-1.0, 1.0), "seed": 1}
    for layer in _words("Brightness ColorDegeneration Contrast Erasing GaussianBlur Invert Sharpness"):
        yield _of(f"Random{layer}", IMAGE, factor=0.5, **of_values)
    yield _of("RandomFlip", IMAGE, seed=1)
    yield _of("RandomGrayscale", IMAGE, factor=0.5, seed=1)
    wrong = {"seed": 1, "single": True, "first": "wrong", "second": "wrong", "ganctl": "refused"}
    yield _of("RandomPerspective", IMAGE, factor=1.0, scale=0.3, **wrong)
    yield _of("RandomRotation", IMAGE, factor=0.3, **wrong)
    yield _of("RandomShear", IMAGE, x_factor=0.3, y_factor=0.3, **wrong)
    yield _of("RandomTranslation", IMAGE, height_factor=0.3, width_factor=0.3, **wrong)
    yield _of("RandomZoom", IMAGE, height_factor=0.3, **wrong)


def _ganctls() -> Iterator[Case]:
    layers = ganctl.layers
    yield _around("ConditionalBatchNormalization", "", _by_class, IMAGE, second="wrong", ganctl="computed")
    yield _around("Copies", "", lambda: layers.Copies(), IMAGE)
    yield Case("CropLike", "", _cropped, [(8, 8, 3), IMAGE])
    yield _around("GroupedConvolution", "", lambda: layers.GroupedConvolution(4, 3, 2), (6, 6, 4))
    yield _around("InstanceNormalization", "", lambda: layers.InstanceNormalization(), IMAGE)
    yield _around("MinibatchStandardDeviation", "", lambda: layers.MinibatchStandardDeviation(), IMAGE, single=True)
    yield _around("PixelShuffle", "", lambda: layers.PixelShuffle(2), (6, 6, 8))
    yield _around("ReflectionPadding2D", "", lambda: layers.ReflectionPadding2D(2), IMAGE)
    yield _around("SelfAttention", "", lambda: layers.SelfAttention(), IMAGE, single=True)
    yield Case("SkipLayerExcitation", "", _excited, [(8, 8, 3), IMAGE])
    yield _around("SpectralConv2D", "", lambda: layers.SpectralConv2D(3, 3), IMAGE, single=True)
    yield _around("SpectralDense", "", lambda: layers.SpectralDense(3), VECTOR, single=True)
    yield _around("SpectralEmbedding", "", partial(_looked_up, "SpectralEmbedding", layers), VECTOR, single=True)


def _by_class() -> Any:
    x = keras.Input(IMAGE)
    classes = keras.ops.cast(x[:, 0, 0, :1] > 0, "int32")
    return keras.Model(x, ganctl.layers.ConditionalBatchNormalization(2)(x, classes))


def _cropped() -> Any:
    large, small = keras.Input((8, 8, 3)), keras.Input(IMAGE)
    return keras.Model([large, small], keras.layers.Add()([ganctl.layers.CropLike()(large, small), small]))


def _excited() -> Any:
    large, small = keras.Input((8, 8, 3)), keras.Input(IMAGE)
    return keras.Model([large, small], ganctl.layers.SkipLayerExcitation()(large, small))


HEAD = f"""# Layers under a gradient penalty

Written by `docs/make_gradients.py`; `tests/test_second_derivatives.py` measures every line against central
differences, with TensorFlow {TENSORFLOW} and Keras {READ_FROM}. Measure them again with:

    python -m pytest tests/test_second_derivatives.py

`gradient_penalty`, `r1`, `r2` and `dragan` differentiate the discriminator twice: by the images, then by the
weights. TensorFlow has no right second derivative of some layers, and mostly says nothing.

- **wrong**: the number is another one. No message.
- **None**: TensorFlow returns no derivative, and the penalty silently misses the layers before.
- **LookupError**: TensorFlow stops.

What ganctl does about it, with `training.rewrites` on or off:

- **computed**: the layer is computed by another expression with the same values, the same variables, and
  right derivatives. This needs a Sequential or functional model, at any depth of models within models. A
  model that is a subclass of `keras.Model`, and layers within a layer of your own, are left as they are
  and refused.
- **refused**: before training starts, with the layer's name and what to use instead (exit code 2). So is
  every operation of a plugin's layer or augmentation that is known to be wrong, or that TensorFlow cannot
  differentiate twice, also within a `tf.function`, a loop or a branch. In a layer of your own, use
  `ganctl.layers.moments` instead of `tf.nn.moments`, and `labels * tf.nn.log_softmax(logits)` instead of a
  softmax cross entropy whose labels are computed from the images.

In a model whose players a plugin makes, all terms of their turns are looked through.

"""
FOOT = """
## Everything else is right

These were measured, too, first and second derivative, step by step and in a compiled function:

{right}.

Not measured, because they do not stand in a discriminator:

{apart}
"""


def page() -> str:
    """Return the page."""
    rows = [
        f"| {case.name} | {case.first} | {case.second} | {case.ganctl} |"
        for case in cases()
        if (case.first, case.second) != ("right", "right")
    ]
    table = ["| layer | first derivative | second derivative | ganctl |", "| --- | --- | --- | --- |", *rows, ""]
    right = ", ".join(case.name for case in cases() if case.first == case.second == "right")
    apart = {why: [name for name, of in NOT_IN_A_DISCRIMINATOR.items() if of == why] for why in _reasons()}
    listed = "\n".join(f"- {_wrapped(', '.join(names) + ': ' + why, 2)}" for why, names in apart.items())
    return HEAD + "\n".join(table) + FOOT.format(right=_wrapped(right), apart=listed)


def _reasons() -> list[str]:
    return list(dict.fromkeys(NOT_IN_A_DISCRIMINATOR.values()))


def _wrapped(text: str, indent: int = 0) -> str:
    return textwrap.fill(text, 108 - indent, subsequent_indent=" " * indent, break_on_hyphens=False)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text("utf-8") == page() else 1)
    PAGE.write_text(page(), "utf-8")
