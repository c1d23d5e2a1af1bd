"""`ganctl plan`."""

from pathlib import Path

import click

from ganctl.cli._options import FiniteRange, device_option, json_option, set_option
from ganctl.cli._printing import show_json


@click.command()
@click.argument("config")
@set_option()
@click.option("--seconds", type=FiniteRange(0.1), default=5.0, show_default=True, help="How long to measure.")
@device_option
@json_option
def command(config: str, overrides: tuple[str, ...], seconds: float, device: str, as_json: bool) -> None:
    """Estimate how long the experiment of CONFIG will take on this machine, and how much memory it needs.

    CONFIG is a YAML file, the name of a packaged one, or a run folder, whose remaining iterations count. Some
    iterations are played and discarded; nothing is written. Time for sample grids and checkpoints is not included.

    \b
    ganctl plan configs/celeba_gan.yaml --set dataset.path=img_align_celeba
    ganctl plan outputs/quickstart
    """
    from ganctl.build import resolving
    from ganctl.experiment.packaged_configs import find_config
    from ganctl.run_folder import checkpoint
    from ganctl.run_folder.paths import RunFolder

    run = RunFolder(Path(config))
    parts = resolving.load_parts(run.config if run.exists else find_config(config), overrides)
    saved = checkpoint.newest_first(run.checkpoints) if run.checkpoints.is_dir() else []
    done = int(saved[0].name) if saved else 0

    from ganctl.host.device import select_device
    from ganctl.host.huge_pages import command_for_huge_pages
    from ganctl.planning.pace import format_duration, measure, shares
    from ganctl.training.console import TrainingConsole
    from ganctl.training.prepared import Prepared, prepare_process

    console = TrainingConsole(quiet=as_json)
    chosen = select_device(device)
    prepare_process(chosen)
    # A run's own weights replace pre-trained ones, whose file may no longer exist.
    prepared = Prepared.make(parts, chosen, console.track, pretrained=not saved)
    console.introduce(prepared)
    training = prepared.experiment.training
    span = (done, training.iterations)
    pace = measure(prepared.game, seconds, *span)
    images = sum(share * sum(map(sum, stage.draws.values())) for stage, share in shares(prepared.game, *span))
    left = max(0, training.iterations - done)
    facts = {
        "iterations_per_second": pace.iterations_per_second,
        "slowest": pace.slowest,
        "fastest": pace.fastest,
        "images_per_second": pace.iterations_per_second * images,
        "compile_seconds": pace.compile_seconds,
        "iterations": training.iterations,
        "iterations_done": done,
        "seconds_left": left / pace.iterations_per_second,
        "memory_bytes_estimated": prepared.memory_bytes,
        "memory_bytes_peak": pace.peak_bytes,
        "precision": training.precision,
        "precision_reason": prepared.precision_reason,
        "xla": training.xla,
        "xla_reason": prepared.xla_reason,
        "rewrites": training.rewrites,
        "device": prepared.device.name,
        "huge_pages_command": command_for_huge_pages() if prepared.device.name == "CPU" else None,
    }
    if as_json:
        show_json(facts)
        return
    console.say(
        f"speed       {pace.iterations_per_second:.3g} iterations/s ({pace.slowest:.3g} to {pace.fastest:.3g}), "
        f"{facts['images_per_second']:,.0f} real images/s; compiled in {pace.compile_seconds:.1f} s"
    )
    console.say(f"rewrites    {'on: fused operations, equal up to rounding' if training.rewrites else 'off'}")
    peak = f"; the process used {pace.peak_bytes / 2**20:,.0f} MiB at most" if pace.peak_bytes else ""
    if facts["huge_pages_command"]:
        console.say(f"huge pages  not in use; for a few percent more speed: {facts['huge_pages_command']}")
    console.say(f"memory      about {prepared.memory_bytes / 2**20:,.0f} MiB for the game, without TensorFlow{peak}")
    after = f" after the {done:,} already done" if done else ""
    console.say(f"time        {format_duration(left / pace.iterations_per_second)} for {left:,} iterations{after}")
