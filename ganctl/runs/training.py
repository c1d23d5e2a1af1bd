"""`train`: trains an experiment."""

from collections.abc import Mapping

from ganctl.build import resolving
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.packaged_configs import find_config
from ganctl.experiment.yaml_source import YamlSource, parse_yaml
from ganctl.runs.arguments import (
    Config,
    Flag,
    OptionalPath,
    OptionalSeed,
    OptionalText,
    Overrides,
    Plugins,
    Text,
    checked,
)
from ganctl.runs.calls import permitted_plugins, user_path
from ganctl.runs.overrides import as_json, as_settings
from ganctl.runs.run import Run
from ganctl.training import run as training
from ganctl.training.begin_or_resume import begin_or_resume
from ganctl.training.console import TrainingConsole


@checked
def train(
    config: Config,
    overrides: Overrides = (),
    *,
    output_dir: OptionalPath = None,
    run_name: OptionalText = None,
    seed: OptionalSeed = None,
    device: Text = "auto",
    init_from: OptionalPath = None,
    resume_if_there: Flag = False,
    plugins: Plugins = (),
    allow_plugins: Flag = False,
    quiet: Flag = False,
) -> Run:
    """Train an experiment, as `ganctl train` does.

    Args:
        config: a YAML file, the name of a packaged one, or the content of such a file as a dictionary.
        overrides: keys to override, `{"training.iterations": 500}` or `["training.iterations=500"]`.
        output_dir: folder of all runs; by default `root_dir` of the file, otherwise `outputs`.
        run_name: name of the run folder, which must not exist yet, unless `resume_if_there` is true.
        seed: same as the override `seed`.
        device: `auto`, `cpu`, `gpu` or `gpu:N`; a process keeps its first device.
        init_from: a run folder, checkpoint, generator file or safetensors file of PyTorch to start from, wherever its
            weights fit.
        resume_if_there: if the run folder is there already, continue that run to its end; a finished one is returned as
            it is. For cells and scripts that are run again.
        plugins: Python files that register models, losses, penalties, generator terms, augmentations or data sets.
        allow_plugins: also run the plugins that the experiment names.
        quiet: print nothing.

    Returns:
        The run.

    Raises:
        GanctlError: one of its subclasses; the message says what is wrong. StoppedError: Ctrl-C; everything is saved.

    Example:
        >>> run = ganctl.train("quickstart", {"training.iterations": 500})
        >>> run.sample(16)
    """
    with permitted_plugins(plugins, allow_plugins):
        settings = as_settings(overrides) + ([] if seed is None else [f"seed={seed}"])
        if isinstance(config, Mapping):
            parts = resolving.resolve(
                Experiment.from_source(YamlSource("config", parse_yaml(as_json(config), "config").data), settings)
            )
        else:
            parts = resolving.load_parts(find_config(str(config)), tuple(settings))
        experiment = parts.experiment
        begin = begin_or_resume if resume_if_there else training.train
        folder = begin(
            parts,
            TrainingConsole(quiet=quiet),
            ["ganctl.train", experiment.name if isinstance(config, Mapping) else str(config), *settings],
            outputs=user_path(output_dir or experiment.root_dir),
            run_name=run_name,
            device=device,
            init_from=user_path(init_from) if init_from else None,
        )
    assert folder is not None
    return Run(folder.path, plugins=plugins, allow_plugins=allow_plugins)
