"""`ganctl train`."""

import os
from pathlib import Path

import click


@click.command()
@click.argument("config")
@click.option(
    "--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a key of the file; may be repeated."
)
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    help="Folder of all runs.  [default: root_dir of the file, or else outputs]",
)
@click.option("--run-name", help="Name of the run folder; refused where it exists.")
@click.option("--seed", type=int, help="The same as --set seed=N.")
@click.option(
    "--init-from",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Start from the weights of a run folder, checkpoint or generator file, wherever they fit.",
)
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|gpu|gpu:N", help="Where to train.")
@click.option("--dry-run", is_flag=True, help="Build everything, print the layers and the memory, train nothing.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
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
    from ganctl.experiment.experiment import check_run_name
    from ganctl.experiment.packaged_configs import find_config
    from ganctl.run_folder.paths import RunFolder

    if seed is not None:
        overrides = (*overrides, f"seed={seed}")
    parts = resolving.load_parts(find_config(config), overrides)
    outputs = Path(os.path.expanduser(output_dir or parts.experiment.root_dir))
    # Before TensorFlow is loaded: mistakes are answered at once.
    name = check_run_name(run_name) if run_name is not None else parts.experiment.resolved_run_name()
    RunFolder.check_free(outputs, name, explicit=run_name is not None)

    from ganctl.cli import command_line
    from ganctl.training.run import train
    from ganctl.training.session import Session

    train(
        parts,
        Session(quiet=quiet),
        command_line(),
        outputs=outputs,
        run_name=run_name,
        device=device,
        init_from=init_from,
        dry_run=dry_run,
    )
