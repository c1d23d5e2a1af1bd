"""A key of another model, loss, penalty or term is refused with the names of those that have it."""

import re
from typing import Any

import pytest
from conftest import WriteYaml, shipped

from ganctl import losses
from ganctl.build import catalog, resolving
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.packaged_configs import packaged_configs
from ganctl.registry import Registry

SECTIONS: dict[str, tuple[Registry[Any], Any]] = {
    "model": (catalog.models, lambda section: {"model": section}),
    "loss": (catalog.losses, lambda section: {"loss": section}),
    "penalties": (catalog.penalties, lambda section: {"loss.penalties": [section]}),
    "generator_terms": (catalog.generator_terms, lambda section: {"loss.generator_terms": [section]}),
    "augment": (catalog.augmentations, lambda section: {"training.augment": [section]}),
}


@pytest.mark.parametrize("where", SECTIONS)
def test_every_key_of_another_entry_names_those_that_have_it(where: str, tiny_yaml: WriteYaml) -> None:
    registry, changes = SECTIONS[where]
    keys = {entry.name: set(entry.arguments().model_fields) for entry in shipped(registry)}
    for name, own in keys.items():
        for key in set().union(*keys.values()) - own:
            experiment = Experiment.load(tiny_yaml(changes({"name": name, key: 1})))
            with pytest.raises(ConfigurationError) as caught:
                resolving.resolve(experiment)
            found = re.search(rf"'{name}' has no key '{key}'; (.*) (?:has|have) it\. Remove the key", str(caught.value))
            assert found, str(caught.value)
            named = set(re.split(", | and ", found[1]))
            assert named & keys.keys() == {other for other in keys if key in keys[other]}


def test_an_unknown_key_is_still_one(tiny_yaml: WriteYaml) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown key 'label_smoothin' in loss\. Did you mean"):
        resolving.load_experiment(tiny_yaml({"loss": {"name": "minimax", "label_smoothin": 0.1}}))


def test_the_quickstart_takes_another_loss_as_the_refusal_says() -> None:
    quickstart = packaged_configs()["quickstart"]
    with pytest.raises(ConfigurationError) as caught:
        resolving.load_experiment(quickstart, ("loss.name=relativistic",))
    named = re.search(r"'relativistic' has no key 'label_smoothing'; (.*?) have it\.", str(caught.value))
    assert named
    mentioned = set(re.split(", | and ", named[1]))  # among them what other tests register
    assert mentioned & {entry.name for entry in shipped(losses.registry)} == {"least_squares", "minimax"}
    found = re.search(r"--set '(.*)'", str(caught.value))
    assert found
    assert resolving.load_experiment(quickstart, (found[1],)).loss.name == "relativistic"


def test_another_data_set_on_the_command_line_leaves_the_files_behind() -> None:
    """Users replace the embedded pictures of a recipe by their own, and say nothing of how the embedded ones came."""
    config = packaged_configs()["pix2pix"]
    chosen = ("dataset.name=image_pairs", "dataset.path=mine")
    assert Experiment.load(config).dataset.transform is not None
    found = resolving.load_experiment(config, chosen).dataset
    assert (found.base, found.transform, found.amount) == (None, None, None)
    assert found.holdout == Experiment.load(config).dataset.holdout, "what any data set has stays"
    with pytest.raises(ConfigurationError, match="'image_pairs' has no key 'transform'; derived has it"):
        resolving.load_experiment(config, (*chosen, "dataset.transform=grey"))


def test_another_transform_or_path_leaves_what_went_with_the_files() -> None:
    """An amount belongs to its transform, and the embedded pictures to no path: docs/pictures.md has this line."""
    config = packaged_configs()["pix2pix"]
    before = Experiment.load(config).dataset
    assert (before.transform, before.amount, before.base) == ("posterise", 3, "fashion_mnist_mini")
    chosen = ("dataset.name=derived", "dataset.path=mine", "dataset.transform=grey")
    found = resolving.load_experiment(config, chosen).dataset
    assert (found.transform, found.amount, found.base) == ("grey", None, None)
    found = resolving.load_experiment(config, ("dataset.transform=noise",)).dataset
    assert (found.amount, found.base) == (None, before.base), "three levels are no standard deviation"
    found = resolving.load_experiment(config, ("dataset.transform=noise", "dataset.amount=9")).dataset
    assert found.amount == 9
    found = resolving.load_experiment(config, ("dataset.path=mine",)).dataset
    assert (found.transform, found.amount, found.base) == ("posterise", 3, None)
    parts = resolving.load_parts(config, ("dataset.path=mine", "dataset.base=fashion_mnist_mini"))
    with pytest.raises(ConfigurationError, match="ships with ganctl and takes no path"):
        resolving.read_feeds(parts, lambda items, *_, **__: items)
