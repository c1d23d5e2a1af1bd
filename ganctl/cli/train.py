"""`ganctl train`."""

import os
from pathlib import Path

import click

from ganctl.cli._options import PATH, device_option, quiet_option, set_option


@click.command()
@click.argument("config")
@set_option()
@click.option("--output-dir", type=PATH, help="Folder of all runs.  [default: root_dir of the file, otherwise outputs]")
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
@click.option("--dry-run", is_flag=True, help="Build everything, print the layers and the memory, train nothing.")
@quiet_option
def command(
    config: str,
    overrides: tuple[str, ...],
    output_dir: Path | None,
    run_name: str | None,
    seed: int | None,
    init_from: Path | None,
    device: str,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train the experiment of CONFIG, a YAML file or the name of a packaged one.

    \b
    ganctl train configs/quickstart.yaml
    ganctl train dense_gan_mnist --set dataset.name=fashion_mnist_mini --set training.iterations=500
    ganctl train my.yaml --set dataset.image_size=64 --init-from outputs/my
    """
    from ganctl.build import resolving
    from ganctl.cli import command_line
    from ganctl.experiment.packaged_configs import find_config
    from ganctl.training.console import TrainingConsole
    from ganctl.training.run import train

    if seed is not None:
        overrides = (*overrides, f"seed={seed}")
    parts = resolving.load_parts(find_config(config), overrides)
    train(
        parts,
        TrainingConsole(quiet=quiet),
        command_line(),
        outputs=Path(os.path.expanduser(output_dir or parts.experiment.root_dir)),
        run_name=run_name,
        device=device,
        init_from=init_from,
        dry_run=dry_run,
    )
