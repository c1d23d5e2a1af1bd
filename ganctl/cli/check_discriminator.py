"""`ganctl check-discriminator`."""

import click

from ganctl.cli._options import device_option, json_option, set_option
from ganctl.cli._printing import show_json


@click.command()
@click.argument("config")
@set_option()
@click.option("--iterations", type=click.IntRange(1), default=500, show_default=True, help="Training steps.")
@device_option
@json_option
def command(config: str, overrides: tuple[str, ...], iterations: int, device: str, as_json: bool) -> None:
    """Train the discriminator of CONFIG alone, as a classifier of the data set's labels.

    Shows within a minute whether the discriminator can learn at all, before any GAN is trained. The data set must have
    labels; for a folder of pictures, its sub-folders are the labels.

    \b
    ganctl check-discriminator quickstart
    ganctl check-discriminator dense_gan_mnist --set dataset.name=fashion_mnist_mini
    """
    from ganctl.build import resolving
    from ganctl.build.networks import make_networks
    from ganctl.errors import UsageError
    from ganctl.experiment.packaged_configs import find_config

    parts = resolving.load_parts(find_config(config), overrides)

    from ganctl.build.optimizers import make_optimizer
    from ganctl.host.device import select_device
    from ganctl.host.terminal import Terminal
    from ganctl.planning.discriminator_check import check_discriminator

    terminal = Terminal(quiet=as_json)
    chosen = select_device(device)
    feeds = resolving.read_feeds(parts, terminal.track)
    images, shapes = feeds[parts.sampler.gives], {role: found.shape for role, found in feeds.items()}
    terminal.say(f"data set       {images.describe()}, on {chosen}")
    networks = make_networks(parts, shapes, images.num_classes)
    if "discriminator" not in networks:
        raise UsageError(
            f"The model '{parts.model.name}' has no network called `discriminator` that could be checked alone. "
            f"Its networks are {', '.join(networks)}."
        )
    optimizer = make_optimizer(parts.experiment.optimizer.discriminator, rounds=iterations)
    found = check_discriminator(parts.experiment, images, networks["discriminator"], optimizer, iterations)
    terminal.say(f"discriminator  {found.verdict}")
    if as_json:
        show_json(found.facts())
