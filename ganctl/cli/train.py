"""`ganctl train`."""

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
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|gpu|gpu:N", help="Where to train.")
@click.option("--dry-run", is_flag=True, help="Build everything, print the layers and the memory, train nothing.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def command(
    config: str,
    overrides: tuple[str, ...],
    output_dir: Path | None,
    run_name: str | None,
    seed: int | None,
    device: str,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train the experiment of CONFIG, a YAML file or the name of a packaged one.

    \b
    ganctl train configs/quickstart.yaml
    ganctl train dense_gan_mnist --set dataset.name=fashion_mnist_mini --set training.iterations=500
    """
    from ganctl import build
    from ganctl.experiment import check_run_name
    from ganctl.packaged_configs import find_config
    from ganctl.run_folder import RunFolder
    from ganctl.run_lock import run_lock

    if seed is not None:
        overrides = (*overrides, f"seed={seed}")
    experiment = build.load_experiment(find_config(config), overrides)
    name = check_run_name(run_name) if run_name is not None else experiment.resolved_run_name()
    outputs = output_dir or Path(experiment.root_dir)
    RunFolder.check_free(outputs, name, explicit=run_name is not None)

    from ganctl.device import select_device
    from ganctl.prepared import Prepared, command_line
    from ganctl.session import Session

    session = Session(quiet=quiet)
    prepared = Prepared.make(experiment, select_device(device), session.track)
    session.introduce(prepared)
    if dry_run:
        session.show_layers(prepared)
        return
    facts = prepared.describe(command_line())
    folder = RunFolder.create(outputs, name, explicit=run_name is not None)
    with run_lock(folder.path):
        folder.write_config(prepared.experiment.to_yaml())
        folder.write_info(facts)
        folder.append_log(f"started: {' '.join(command_line())}")
        session.play(prepared, folder)
