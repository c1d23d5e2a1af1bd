"""`export`: writes a generator for other programs."""

from ganctl.errors import UsageError, did_you_mean
from ganctl.generation.export import Exported, Generator, check_choices, check_output
from ganctl.generation.export import export as write_generator
from ganctl.generation.formats import formats
from ganctl.host.device import select_device
from ganctl.lazy import tf
from ganctl.runs.arguments import (
    AnyPath,
    Flag,
    OptionalCount,
    OptionalPath,
    OptionalText,
    Plugins,
    Text,
    checked,
)
from ganctl.runs.calls import permitted_plugins, user_path, warn_of


@checked
def export(
    path: AnyPath,
    format: Text,
    output: OptionalPath = None,
    *,
    batch: OptionalCount = None,
    quantization: OptionalText = None,
    direction: OptionalText = None,
    best: Flag = False,
    plugins: Plugins = (),
    allow_plugins: Flag = False,
) -> Exported:
    """Export a generator for use in other programs, as `ganctl export` does.

    The written file is read back and run on the same inputs; it is kept only if it draws the same images.

    Args:
        path: a run folder, checkpoint or generator file.
        format: `html`, `keras`, `savedmodel`, `onnx`, `litert` or `safetensors-torch`.
        output: file or folder to write; by default `generator` with the format's suffix, in the current folder.
        batch: the number of images in each batch, in formats that fix one; by default any number.
        quantization: `float16` or `dynamic-range`, in the format `litert`; by default weights are float32.
        direction: of a model that has several, such as `a_to_b` or `b_to_a` of CycleGAN; by default the first.
        best: use a run's checkpoint with the lowest KID instead of the latest.
        plugins: Python files that the run needs.
        allow_plugins: also run the plugins that it names.

    Returns:
        The file's path, what it takes, and lines of Python that run it; printed or displayed, these lines.

    Raises:
        GanctlError: there is no generator, or it cannot be written in this format. An existing `output` is kept.

    Example:
        >>> ganctl.export("outputs/quickstart", "onnx", "clothes.onnx")
    """
    if format not in formats():
        known = ", ".join(map(repr, formats()))
        raise UsageError(f"format must be one of {known}. Received: {format!r}.{did_you_mean(format, formats())}")
    with permitted_plugins(plugins, allow_plugins):
        where = check_output(format, None if output is None else user_path(output))
        check_choices(format, batch, quantization)
        select_device("auto")
        # For float32 accuracy: a GPU's convolutions round more. This process may already use a GPU.
        with tf.device("CPU:0"):
            every = formats()[format].every_direction
            generator = Generator.load(
                user_path(path), best=best, direction=direction, batch=batch, every_direction=every
            )
            exported = write_generator(generator, format, where, quantization)
    warn_of(f"skipped: {problem}" for problem in generator.problems)
    return exported
