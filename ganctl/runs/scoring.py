"""`evaluate`: scores generated images."""

import os

from ganctl.generation.image_scores import Scores, score_images
from ganctl.runs.arguments import (
    Against,
    AnyPath,
    Features,
    Flag,
    OptionalPath,
    Plugins,
    Samples,
    Seed,
    Text,
    ValueRange,
    checked,
)
from ganctl.runs.calls import permitted_plugins, user_path, warn_of
from ganctl.training.console import TrainingConsole


@checked
def evaluate(
    what: AnyPath,
    *,
    against: Against = None,
    num: Samples = 10_000,
    features: Features = "auto",
    inception_graph: OptionalPath = None,
    seed: Seed = 0,
    best: Flag = False,
    pairs: OptionalPath = None,
    value_range: ValueRange = "auto",
    device: Text = "auto",
    plugins: Plugins = (),
    allow_plugins: Flag = False,
    quiet: Flag = False,
) -> Scores:
    """Score generated images, as `ganctl evaluate` does.

    Args:
        what: a run folder, checkpoint or generator file to draw from; or images, as an npz, a folder or an archive.
        against: the real images: a data set's name, a run folder, an npz, a folder or an archive; by default the images
            that the run was trained on.
        num: number of samples, 50 to 50,000.
        features: the network whose features are compared; `auto` is `lite0`, which ships with ganctl. `classifier` is
            trained once, on the data set's labels; `inception` is the original FID network.
        inception_graph: path of classify_image_graph_def.pb, if it is not in the cache.
        seed: of the latent vectors.
        best: use a run's checkpoint with the lowest KID instead of the latest.
        pairs: FILE.png to write the samples nearest to real images to; by default samples/nearest.png of the run.
        value_range: which stored values are black and white in an npz, a folder or a zip, on both sides: `auto`,
            `percentiles` or `[LOW, HIGH]`. A run trained on more than 8 bits has its own range.
        device: as for `train`.
        plugins: Python files that the run needs.
        allow_plugins: also run the plugins that it names.
        quiet: do not show progress.

    Returns:
        All scores with their floors and the protocol; printed or displayed, the table of the command.

    Raises:
        GanctlError: there is nothing to score, or nothing to compare it with.

    Example:
        >>> scores = ganctl.evaluate("outputs/quickstart", num=2000)
        >>> scores.values["kid"], scores.values["kid_floor"]
    """
    with permitted_plugins(plugins, allow_plugins):
        scores = score_images(
            user_path(what),
            TrainingConsole(quiet=quiet).track,
            against=None if against is None else os.fspath(against),
            num=num,
            features=features,
            inception_graph=None if inception_graph is None else user_path(inception_graph),
            seed=seed,
            best=best,
            pairs=None if pairs is None else user_path(pairs),
            device=device,
            value_range=value_range if isinstance(value_range, str) else list(value_range),
        )
    warn_of(note for note in scores.notes if note.startswith("Warning: "))
    return scores
