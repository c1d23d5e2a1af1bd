"""`ganctl train`."""

import os
from functools import partial
from pathlib import Path

import click

from ganctl.cli._options import PATH, device_option, output_dir_option, quiet_option, set_option
from ganctl.errors import UsageError


@click.command()
@click.argument("config")
@set_option()
@output_dir_option
@click.option("--run-name", help="Name of the run folder, which must not exist yet.")
@click.option("--seed", type=int, help="Same as --set seed=N.")
@click.option(
    "--init-from",
    metavar="RUN",
    type=PATH,
    help="Start from the weights of a run folder, checkpoint, generator file or safetensors file of PyTorch, wherever "
    "they fit.",
)
@device_option
@click.option(
    "--resume-if-there",
    is_flag=True,
    help="If the run folder exists, continue that run to its end; for job scripts that are repeated.",
)
@click.option("--dry-run", is_flag=True, help="Build everything, print the layers and the memory, train nothing.")
@quiet_option
def command(
    config: str,
    overrides: tuple[str, ...],
    output_dir: Path | None,
    run_name: str | None,
    seed: int | None,
    init_from: Path | None,
    resume_if_there: bool,
    device: str,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train the experiment of CONFIG, a YAML file or the name of a packaged one.

    \b
    ganctl train configs/quickstart.yaml
    ganctl train dense_gan_mnist --set dataset.name=fashion_mnist_mini --set training.iterations=500
    ganctl train my.yaml --set dataset.image_size=64 --init-from outputs/my
    ganctl train my.yaml --resume-if-there
    """
    from ganctl.build import resolving
    from ganctl.cli import command_line
    from ganctl.experiment.packaged_configs import find_config
    from ganctl.training.begin_or_resume import begin_or_resume
    from ganctl.training.console import TrainingConsole
    from ganctl.training.run import train

    if resume_if_there and dry_run:
        raise UsageError("--dry-run trains nothing, so --resume-if-there does not apply. Remove one of them.")
    if seed is not None:
        overrides = (*overrides, f"seed={seed}")
    parts = resolving.load_parts(find_config(config), overrides)
    start = partial(
        begin_or_resume if resume_if_there else partial(train, dry_run=dry_run),
        outputs=Path(os.path.expanduser(output_dir or parts.experiment.root_dir)),
        run_name=run_name,
        device=device,
        init_from=init_from,
    )
    start(parts, TrainingConsole(quiet=quiet), command_line())
