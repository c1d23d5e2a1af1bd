"""The YAML file: what is refused and how, and what is understood."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import CONFIGS, at_most

from ganctl.build import resolving
from ganctl.build.file_schema import file_schema
from ganctl.errors import ConfigurationError, UsageError
from ganctl.experiment.experiment import TUTORIAL_CONSTANTS, Experiment
from ganctl.experiment.yaml_source import read_yaml

BASE = "dataset: {name: npz, path: x.npz}\nmodel: {name: dense_gan}\n"
HERE = "tiny.yaml"


def load(folder: Path, text: str | bytes, *overrides: str) -> Experiment:
    path = folder / HERE
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return resolving.load_experiment(path, overrides)


def refusal(folder: Path, text: str | bytes, *overrides: str) -> str:
    """The message with which a file is refused, in under a second of the processor, the folder's name taken out."""
    with at_most(1), pytest.raises((ConfigurationError, UsageError)) as caught:
        load(folder, text, *overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{folder}/", "")


# What stands in the file after BASE, and the beginning of the answer.
WRONG_KEYS_AND_VALUES = {
    "unknown key": (
        "training:\n  batchsize: 3\n",
        "4:3: unknown key 'batchsize' in training. Did you mean 'batch_size'?",
    ),
    "unknown section": ("trainin: {}\n", "3:1: unknown key 'trainin'. Did you mean 'training'?"),
    "key of another section": (
        "loss: {learning_rate2: 1, iterations: 2}\n",
        "3:8: unknown key 'learning_rate2' in loss.",
    ),
    "unknown key in brackets": ("'[raining': {}\n", "3:1: unknown key '[raining'."),
    "unknown key of a known kind": ("literal: {}\n", "3:1: unknown key 'literal'."),
    "section of a key": ("loss: {keep: 1}\n", "3:8: unknown key 'keep' in loss."),
    "unknown key in an optimizer": (
        "optimizer:\n  generator: {learning_rat: 1}\n",
        "4:15: unknown key 'learning_rat' in optimizer.generator. Did you mean 'learning_rate'?",
    ),
    "optimizer of nobody": (
        "optimizer:\n  generatr: {}\n",
        "4:3: optimizer.generatr: this game has no player 'generatr'. Did you mean 'generator'?",
    ),
    "two mistakes": (
        "training: {batchsize: 3, iteration: 4}\n",
        "3:12: unknown key 'batchsize' in training. Did you mean 'batch_size'?\ntiny.yaml:3:26",
    ),
    "text for a number": (
        "training: {batch_size: many}\n",
        "3:12: training.batch_size: input should be a valid integer. Received: 'many'",
    ),
    "fraction for a whole number": (
        "training: {batch_size: 64.5}\n",
        "3:12: training.batch_size: input should be a valid integer. Received: 64.5",
    ),
    "truth for a number": (
        "training: {batch_size: true}\n",
        "3:12: training.batch_size: input should be a valid integer. Received: True",
    ),
    "nothing for a number": (
        "training:\n  batch_size:\n",
        "4:3: training.batch_size: input should be a valid integer. Received: None",
    ),
    "on is a text": (
        "outputs: {tensorboard: on}\n",
        "3:11: outputs.tensorboard: input should be a valid boolean. Received: 'on'",
    ),
    "NaN": (
        "optimizer:\n  generator: {learning_rate: .nan}\n",
        "4:15: optimizer.generator.learning_rate: input should be a finite number.",
    ),
    "infinity": (
        "optimizer:\n  generator: {learning_rate: -.inf}\n",
        "4:15: optimizer.generator.learning_rate: input should be a finite number.",
    ),
    "negative": (
        "optimizer:\n  generator: {learning_rate: -1}\n",
        "4:15: optimizer.generator.learning_rate: input should be greater than 0.",
    ),
    "zero": (
        "training: {iterations: 0}\n",
        "3:12: training.iterations: input should be greater than or equal to 1. Received: 0",
    ),
    "too large": ("training: {ema: 1.0}\n", "3:12: training.ema: input should be less than 1. Received: 1.0"),
    "endless digits": (f"seed: {'9' * 5000}\n", "3:7: a number of 5,000 digits is too long."),
    "no such choice": (
        "training: {fakes: traning}\n",
        "3:12: training.fakes: input should be 'inference' or 'training'. Received: 'traning'",
    ),
    "no such form": ("outputs: {sample_grid: 8by8}\n", "3:11: outputs.sample_grid: string should match pattern"),
    "a list for a section": ("training: [1]\n", "3:1: training: expected `key: value` lines. Received: [1]"),
    "nothing for a section": ("training:\n", "3:1: training: expected `key: value` lines. Received: None"),
    "Adam's key for another": (
        "optimizer:\n  generator: {name: sgd, beta_1: .5}\n",
        "4:3: optimizer.generator: beta_1 applies only to adam, not to sgd; remove it",
    ),
    "no such loss": (
        "loss:\n  name: minmax\n",
        "4:3: loss.name: There is no loss 'minmax'. Did you mean 'minimax'? Known: ",
    ),
    "no such penalty": (
        "loss:\n  penalties:\n    - name: gradient_penaltyy\n",
        "5:7: loss.penalties.0.name: There is no penalty 'gradient_penaltyy'. Did you mean 'gradient_penalty'?",
    ),
    "unknown key of a loss": (
        "loss:\n  label_smothing: 0.1\n",
        "4:3: unknown key 'label_smothing' in loss. Did you mean 'label_smoothing'?",
    ),
    "wrong value of a loss": (
        "loss:\n  label_smoothing: 0.5\n",
        "4:3: loss.label_smoothing: input should be less than 0.5. Received: 0.5",
    ),
    "unknown key of a penalty": (
        "loss:\n  penalties:\n    - {name: gradient_penalty, targett: 1}\n",
        "5:32: unknown key 'targett' in loss.penalties.0. Did you mean 'target'?",
    ),
    "odd mixed batch": (
        "training:\n  discriminator_batches: mixed\n  batch_size: 3\n",
        "5:3: training.batch_size: must be even, because `mixed` batches are half real and half generated.",
    ),
    "penalty that no update can take": (
        "training: {discriminator_batches: separate}\nloss: {penalties: [{name: gradient_penalty}]}\n",
        "3:12: training.discriminator_batches: 'gradient_penalty' needs real and generated images in one update",
    ),
    "unknown tutorial constant": ("BATCHSIZE: 8\n", "3:1: unknown key 'batchsize'. Did you mean 'batch_size'?"),
    "wrong tutorial constant": (
        "BATCH_SIZE: x\n",
        "3:1: training.batch_size: input should be a valid integer. Received: 'x'",
    ),
    "the same twice": (
        "training: {batch_size: 3}\nBATCH_SIZE: 8\n",
        "4:1: 'BATCH_SIZE' and 'training.batch_size' (tiny.yaml:3:12) set the same key; remove one.",
    ),
    "too few samples to judge": (
        "evaluation: {num: 49}\n",
        "3:14: evaluation.num: input should be greater than or equal to 50. Received: 49",
    ),
    "no such augmentation": (
        "training: {augment: [diffaugmnt]}\n",
        "3:22: training.augment.0: There is no augmentation 'diffaugmnt'. Did you mean 'diffaugment'?",
    ),
}


@pytest.mark.parametrize("case", WRONG_KEYS_AND_VALUES)
def test_a_wrong_key_or_value_is_named_with_its_place(case: str, tmp_path: Path) -> None:
    text, answer = WRONG_KEYS_AND_VALUES[case]
    assert refusal(tmp_path, BASE + text).startswith(f"{HERE}:{answer}")


MODEL_AND_DATASET = {
    "no such model": (
        "dataset: {name: npz}\nmodel:\n  name: dense_gann\n",
        "3:3: model.name: There is no model 'dense_gann'. Did you mean 'dense_gan'?",
    ),
    "no such data set": (
        "dataset: {name: npy}\nmodel: {name: dense_gan}\n",
        "1:11: dataset.name: There is no data set 'npy'. Did you mean 'npz'?",
    ),
    "unknown key of a model": (
        "dataset: {name: npz}\nmodel:\n  name: dense_gan\n  latentdim: 3\n",
        "4:3: unknown key 'latentdim' in model. Did you mean 'latent_dim'?",
    ),
    "wrong value of a model": (
        "dataset: {name: npz}\nmodel:\n  name: dense_gan\n  latent_dim: 0\n",
        "4:3: model.latent_dim: input should be greater than or equal to 1. Received: 0",
    ),
    "a size that a model cannot make": (
        "dataset: {name: npz, image_size: 20}\nmodel: {name: dcgan_cifar}\n",
        "1:22: dataset.image_size: dcgan_cifar needs even sizes of at least 28x28. Received: 20x20",
    ),
    "no model's name": ("dataset: {name: npz}\nmodel: {}\n", "2:1: 'name' is missing from model."),
    "a list for the data set's name": (
        "dataset: {name: [npz]}\nmodel: {name: dense_gan}\n",
        "1:11: dataset.name: input should be a valid string.",
    ),
}


@pytest.mark.parametrize("case", MODEL_AND_DATASET)
def test_a_wrong_model_or_data_set_is_named_with_its_place(case: str, tmp_path: Path) -> None:
    text, answer = MODEL_AND_DATASET[case]
    assert refusal(tmp_path, text).startswith(f"{HERE}:{answer}")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12)
)
NOT_ALLOWED = "is not allowed; only plain strings, numbers, true, false and null are."
TOO_MUCH = "too many or too deeply nested values for an experiment file."
NO_EXPERIMENTS: dict[str, tuple[str | bytes, str]] = {
    "repeated key": ("seed: 3\nSEED: 3\n", "tiny.yaml:2:1: 'SEED' is given twice (first at tiny.yaml:1:1)."),
    "repeated key in a section": (
        "dataset: {name: a, name: a}\n",
        "tiny.yaml:1:20: 'name' is given twice (first at tiny.yaml:1:11).",
    ),
    "tab": ("training:\n\tbatch_size: 3\n", "tiny.yaml:2:1: YAML cannot be indented with tabs; use spaces."),
    "tab after spaces": (
        "training:\n  \tbatch_size: 3\n",
        "tiny.yaml:2:3: YAML cannot be indented with tabs; use spaces.",
    ),
    "empty": ("", "tiny.yaml: expected `key: value` lines at the top level, found nothing."),
    "only a comment": ("# nothing\n", "tiny.yaml: expected `key: value` lines at the top level, found nothing."),
    "latin-1": (b"name: caf\xe9\n", "tiny.yaml: not UTF-8 (byte 9). Save the file as UTF-8."),
    "UTF-16": (BASE.encode("utf-16"), "tiny.yaml: not UTF-8 (byte 0). Save the file as UTF-8."),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0", "tiny.yaml: not UTF-8 (byte 0). Save the file as UTF-8."),
    "NUL": ("name: a\0b\n", "tiny.yaml: unacceptable character #x0000"),
    "a text": ("hello\n", "tiny.yaml: expected `key: value` lines at the top level, found a string."),
    "a list": ("- a\n", "tiny.yaml: expected `key: value` lines at the top level, found a list."),
    "two documents": (f"{BASE}---\n{BASE}", "tiny.yaml:3:1: but found another document."),
    "unclosed bracket": ("a: [1,\n", "tiny.yaml:2:1: expected the node content, but found '<stream end>'."),
    "unknown alias": ("name: *b\n", "tiny.yaml:1:7: found undefined alias 'b'."),
    "a list for a key": ("? [a]\n: b\n", "tiny.yaml:1:3: a key must be a plain word."),
    "alias bomb": (BOMB, f"tiny.yaml:1:20: {TOO_MUCH}"),
    "alias of itself": ("a: &a {b: *a}\n", f"tiny.yaml:1:4: {TOO_MUCH}"),
    "10,000 brackets": ("a: " + "[" * 10_000 + "]" * 10_000, f"tiny.yaml:1:24: {TOO_MUCH}"),
    "10,000 braces": ("{a: " * 10_000, f"tiny.yaml:1:82: {TOO_MUCH}"),
    "10,000 dashes": ("- " * 10_000 + "a", f"tiny.yaml:1:43: {TOO_MUCH}"),
    "20,000 values": ("a:\n" + "- 1\n" * 20_000, f"tiny.yaml:9999:3: {TOO_MUCH}"),
    "a call": (
        "dataset: !!python/object/apply:os.mkdir [executed]\n",
        f"tiny.yaml:1:10: '!!python/object/apply:os.mkdir' {NOT_ALLOWED}",
    ),
    "an object": ("dataset: !!python/object:object {}\n", f"tiny.yaml:1:10: '!!python/object:object' {NOT_ALLOWED}"),
    "a function": ("name: !!python/name:os.mkdir\n", f"tiny.yaml:1:7: '!!python/name:os.mkdir' {NOT_ALLOWED}"),
    "a tagged key": ("!!python/name:os.mkdir x: 1\n", f"tiny.yaml:1:1: '!!python/name:os.mkdir' {NOT_ALLOWED}"),
    "an unknown tag": ("name: !secret x\n", f"tiny.yaml:1:7: '!secret' {NOT_ALLOWED}"),
}


@pytest.mark.parametrize("case", NO_EXPERIMENTS)
def test_a_file_that_is_no_experiment_is_refused(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, answer = NO_EXPERIMENTS[case]
    assert refusal(tmp_path, text).startswith(answer)
    assert [path.name for path in tmp_path.iterdir()] == [HERE]


def test_a_hundred_megabytes_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / HERE
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(ConfigurationError, match="100,000,000 bytes are too many for an experiment file"):
        resolving.load_experiment(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + BASE.encode()).dataset.name == "npz"


def test_numbers_and_words_are_what_people_mean(tmp_path: Path) -> None:
    optimizer = "optimizer:\n  generator: {learning_rate: 2e-4, decay: 8E-9}\n  discriminator: {learning_rate: 1}\n"
    experiment = load(tmp_path, f"{BASE}{optimizer}name: on\nseed: 010\n")
    assert experiment.optimizer.generator.learning_rate == 0.0002
    assert experiment.optimizer.generator.decay == 8e-9
    assert experiment.optimizer.discriminator.learning_rate == 1.0
    assert experiment.name == "on"
    assert experiment.seed == 10


def test_keys_count_without_regard_to_case(tmp_path: Path) -> None:
    experiment = load(
        tmp_path,
        "DataSet: {NAME: npz, Path: x.npz}\nModel: {Name: dense_gan, Latent_Dim: 7}\nTRAINING: {Batch_Size: 12}\n",
    )
    assert experiment.training.batch_size == 12
    assert experiment.model.arguments["latent_dim"] == 7


def test_tutorial_constants_are_understood_at_the_top_level(tmp_path: Path) -> None:
    training = "DISC_UPDATES: 2\nGEN_UPDATES: 3\nBATCH_SIZE: 6\n"
    others = "latent_dim: 5\nNET_CAPACITY: 4\nSPATIAL_DIM: 32\nNUM_LOAD: 100\nPROGRESS_INTERVAL: 80\n"
    experiment = load(tmp_path, "dataset: {name: npz, path: x.npz}\nmodel: {name: dcgan}\n" + training + others)
    assert (experiment.training.disc_updates, experiment.training.gen_updates, experiment.training.batch_size) == (
        2,
        3,
        6,
    )
    assert experiment.model.arguments == {"latent_dim": 5, "capacity": 4, "upsampling": "transposed"}
    assert (experiment.dataset.image_size, experiment.dataset.limit, experiment.outputs.sample_every) == (32, 100, 80)


def test_a_file_without_a_name_is_called_after_itself(tmp_path: Path) -> None:
    assert load(tmp_path, BASE).name == "tiny"


def test_overrides_are_applied_and_remembered(tmp_path: Path) -> None:
    overrides = (
        "training.batch_size=9",
        "DISC_UPDATES=2",
        "optimizer.generator.learning_rate=1e-3",
        "dataset.path=a=b",
        "dataset.classes=[1, 2]",
    )
    experiment = load(tmp_path, BASE, *overrides)
    assert (experiment.training.batch_size, experiment.training.disc_updates) == (9, 2)
    assert experiment.optimizer.generator.learning_rate == 0.001
    assert Path(str(experiment.dataset.path)).name == "a=b"
    assert experiment.dataset.classes == [1, 2]
    assert experiment.overrides == list(overrides)


PENALTIES = "loss:\n  penalties: [{name: r1}, {name: r2, weight: 10}]\n"


def test_overrides_reach_the_entries_of_lists(tmp_path: Path) -> None:
    experiment = load(tmp_path, BASE + PENALTIES, "loss.penalties.1.weight=5", "loss.penalties.0.every=16")
    assert [(each.name, each.weight, each.every) for each in experiment.loss.penalties] == [
        *[("r1", 1.0, 16), ("r2", 5.0, 1)],
    ]
    message = refusal(tmp_path, BASE + PENALTIES, "loss.penalties.1.weight=-5")
    assert message.startswith(
        "--set loss.penalties.1.weight=-5: loss.penalties.1.weight: input should be greater than 0"
    )
    for place in ("2", "-1", "first"):
        message = refusal(tmp_path, BASE + PENALTIES, f"loss.penalties.{place}.weight=5")
        assert message == (
            f"--set loss.penalties.{place}.weight=5: 'loss.penalties' is a list of 2; its entries are numbered from 0, "
            f"and '{place}' is not one of them."
        )


# The answer begins with `--set`, the override and a colon, then this.
WRONG_OVERRIDES = {
    "training.batchsize=3": "unknown key 'batchsize' in training. Did you mean 'batch_size'?",
    "seed=-1": "seed: input should be greater than or equal to 0. Received: -1",
    "training={batch_size: x}": "training.batch_size: input should be a valid integer. Received: 'x'",
    "training.batch_size=": "training.batch_size: input should be a valid integer. Received: None",
    "model.latent_dim=0": "model.latent_dim: input should be greater than or equal to 1. Received: 0",
    "loss.penalties.0.weight=3": "loss.penalties: input should be a valid list.",
    "run_name=../../x": "run_name: '../../x' is not a valid name for a run folder",
}


@pytest.mark.parametrize("override", WRONG_OVERRIDES)
def test_a_wrong_override_is_refused_like_the_file(override: str, tmp_path: Path) -> None:
    message = refusal(tmp_path, f"{BASE}training: {{batch_size: 3}}\n", override)
    assert message.startswith(f"--set {override}: {WRONG_OVERRIDES[override]}")


NO_OVERRIDES = {
    "name=!!python/name:os.system": f"--set name:1:1: '!!python/name:os.system' {NOT_ALLOWED}",
    "name=[": "--set name:1:2: expected the node content, but found '<stream end>'.",
    "training.batch_size": "--set takes KEY=VALUE, such as training.batch_size=64. Received: 'training.batch_size'",
    "=3": "--set takes KEY=VALUE, such as training.batch_size=64. Received: '=3'",
}


@pytest.mark.parametrize("override", NO_OVERRIDES)
def test_what_is_no_override_is_refused(override: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, BASE, override).startswith(NO_OVERRIDES[override])


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_resolved_file_is_the_same_experiment(config: Path, tmp_path: Path) -> None:
    experiment = resolving.load_experiment(config)
    again = load(tmp_path, experiment.to_yaml())
    assert again.model_dump() == experiment.model_dump()
    assert again.to_yaml() == experiment.to_yaml()


@pytest.mark.parametrize("name", ["2e-4", "1e3", "0o17", "1_000", "0x1F", "yes", "null", "2026-11-22"])
def test_a_text_that_looks_like_something_else_stays_a_text(name: str, tmp_path: Path) -> None:
    """A sweep has a file for each rate, such as 2e-4.yaml, whose stem is its name."""
    experiment = load(tmp_path, BASE)
    named = experiment.replace(name=name)
    assert load(tmp_path, named.to_yaml()).name == name


def test_a_copy_with_other_keys_changes_them_alone(tmp_path: Path) -> None:
    experiment = load(tmp_path, f"{BASE}optimizer: {{encoder: {{learning_rate: 0.5}}}}\n", "model.name=bigan", "seed=3")
    changed = experiment.with_keys("training", batch_size=4, augment=["flip"]).with_keys("model", latent_dim=7)
    changed = changed.replace(seed=4)
    after = {**experiment.model_dump(), "seed": 4}
    after["model"] = {**after["model"], "latent_dim": 7}
    after["training"] = {**after["training"], "batch_size": 4, "augment": [{"name": "flip"}]}
    assert changed.model_dump() == after
    assert changed.overrides == ["model.name=bigan", "seed=3"]
    assert experiment.training.batch_size == 64


WRONG_COPIES: dict[str, tuple[str, dict[str, Any], str]] = {
    "value": ("training", {"batch_size": 0}, "3:12: training.batch_size: input should be greater than or equal to 1."),
    "type": (
        "dataset",
        {"image_size": 8.5},
        "1:1: dataset.image_size: give a whole number of pixels, or HEIGHTxWIDTH such as 64x96, from 4 to 1024",
    ),
    "key": ("training", {"batchsize": 1}, "3:1: unknown key 'batchsize' in training. Did you mean 'batch_size'?"),
    "two keys that depend on each other": (
        "optimizer",
        {"generator": {"name": "sgd", "beta_1": 0.5}},
        "tiny.yaml: optimizer.generator: beta_1 applies only to adam, not to sgd; remove it",
    ),
    "top level": ("", {"seed": -1}, "tiny.yaml: seed: input should be greater than or equal to 0. Received: -1"),
    "whole section": ("", {"training": {"ema": 2.0}}, "3:1: training.ema: input should be less than 1. Received: 2.0"),
}


@pytest.mark.parametrize("case", WRONG_COPIES)
def test_a_copy_is_validated_like_the_file(case: str, tmp_path: Path) -> None:
    section, values, answer = WRONG_COPIES[case]
    experiment = load(tmp_path, f"{BASE}training: {{batch_size: 3}}\n")
    with pytest.raises(ConfigurationError) as caught:
        experiment.with_keys(section, **values) if section else experiment.replace(**values)
    message = str(caught.value).replace(f"{tmp_path}/", "")
    assert message.startswith(answer if answer.startswith(HERE) else f"{HERE}:{answer}")


def test_run_name_patterns(tmp_path: Path) -> None:
    pattern = 'run_name: "gan_cap{model.latent_dim}_batch{Training.batch_size}_{name}"\n'
    assert load(tmp_path, BASE + pattern).resolved_run_name() == "gan_cap100_batch64_tiny"
    assert "'{model.width}' is not a key of the experiment" in refusal(tmp_path, BASE + 'run_name: "{model.width}"\n')


BAD_RUN_NAMES = [
    "../../x",
    "/absolute",
    "a/b",
    "a\\b",
    ".",
    "..",
    ".hidden",
    "-x",
    " x",
    "a" * 300,
    "nul\0",
    "new\nline",
    "{dataset.path}",
    "~",
    "a:b",
    "*",
]


@pytest.mark.parametrize("name", BAD_RUN_NAMES, ids=ascii)
def test_a_run_name_that_is_no_plain_folder_is_refused(name: str, tmp_path: Path) -> None:
    text = f"{BASE}run_name: {json.dumps(name)}\n"
    assert refusal(tmp_path, text).startswith(f"{HERE}:3:1: run_name: ")


# --- the JSON schema


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found = json.loads(json.dumps(file_schema()))
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def _data(path: Path) -> dict[str, Any]:
    """The file as an editor reads it, with the constants spelt as the tutorials do."""
    return {key.upper() if key in TUTORIAL_CONSTANTS else key: value for key, value in read_yaml(path).data.items()}


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_file_fits_the_schema(config: Path, schema: dict[str, Any], tmp_path: Path) -> None:
    jsonschema.validate(_data(config), schema)
    (tmp_path / HERE).write_text(resolving.load_experiment(config).to_yaml())
    jsonschema.validate(_data(tmp_path / HERE), schema)


@pytest.mark.parametrize(
    "text",
    [
        "trainin: {}",
        "training: {batchsize: 3}",
        "training: {batch_size: 0}",
        "model: {name: dense_gann}",
        "model: {name: dense_gan, latentdim: 3}",
        "dataset: {name: npy}",
        "loss: {label_smoothin: 0.1}",
        "loss: {name: minimax, label_smoothin: 0.1}",
        "optimizer: {generator: {learning_rat: 0.1}}",
    ],
)
def test_a_file_with_a_mistake_does_not_fit_the_schema(text: str, schema: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / HERE
    path.write_text(BASE)
    right = _data(path)
    jsonschema.validate(right, schema)
    path.write_text(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(right | _data(path), schema)
