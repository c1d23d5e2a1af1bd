"""What is typed after `--set KEY=` is text for a key that takes only text, and YAML, as in files, for all others."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import pytest
from conftest import RunCli, WriteYaml, untracked
from pydantic import BaseModel, Field
from test_cli import clean, one_line

from ganctl.build import catalog, resolving
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.typed_words import Typed, takes_only_text
from ganctl.experiment.yaml_source import parse_yaml

TEXTS = [
    "pics #1",
    "pics ",
    " pics",
    "2023",
    "yes",
    "true",
    "1e3",
    "null.d",
    "~",
    "[a]",
    "a: b",
    "{x}",
    '"a',
    "- a",
    "&a",
]


def text_keys(schema: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key below a schema that takes only text."""
    for name, field in schema.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from text_keys(field.annotation, (*path, name))
        elif takes_only_text(field.annotation):
            yield (*path, name)


def loaded(tiny: Path, *overrides: str) -> dict[str, Any]:
    return Experiment.load(tiny, overrides).model_dump()


def value_at(values: dict[str, Any], path: tuple[str, ...]) -> Any:
    for part in path:
        values = values[part]
    return values


def test_the_walk_finds_text_keys() -> None:
    keys = set(text_keys(Experiment))
    assert keys >= {("name",), ("root_dir",), ("dataset", "path"), ("dataset", "labels"), ("model", "name")}
    assert not keys & {("seed",), ("training", "xla"), ("dataset", "value_range"), ("plugins",)}


@pytest.mark.parametrize("path", list(text_keys(Experiment)), ids=".".join)
def test_every_text_key_takes_words_as_typed(path: tuple[str, ...], tiny_yaml: WriteYaml) -> None:
    key, tiny = ".".join(path), tiny_yaml({})
    if path == ("outputs", "sample_grid"):  # has a pattern
        assert value_at(loaded(tiny, Typed(f"{key}=3x4")), path) == "3x4"
        with pytest.raises(ConfigurationError, match="Received: '33'"):
            loaded(tiny, Typed(f"{key}=33"))
        return
    if path == ("dataset", "background"):  # takes only colours
        assert value_at(loaded(tiny, Typed(f"{key}=#102030")), path) == "#102030"
        return
    for text in TEXTS:
        assert value_at(loaded(tiny, Typed(f"{key}={text}")), path) == text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("null", None),
        ("", None),
        ("'null'", "null"),
        ('"a\\tb"', "a\tb"),
        ("'pics #1' # mine", "pics #1"),
        ("'a' b", "'a' b"),
    ],
)
def test_null_and_quoted_yaml_keep_their_meaning(words: str, text: str | None, tiny_yaml: WriteYaml) -> None:
    assert loaded(tiny_yaml({}), Typed(f"dataset.path={words}"))["dataset"]["path"] == text


def test_spaces_around_the_equals_sign_do_not_count(tiny_yaml: WriteYaml) -> None:
    assert loaded(tiny_yaml({}), Typed("dataset.path = pics"))["dataset"]["path"] == "pics"


def test_other_keys_and_overrides_from_python_are_yaml(tiny_yaml: WriteYaml) -> None:
    tiny = tiny_yaml({})
    changed = loaded(tiny, Typed("training.batch_size=9 # of them"), Typed("dataset.value_range=[0, 4]"))
    assert (changed["training"]["batch_size"], changed["dataset"]["value_range"]) == (9, [0.0, 4.0])
    assert loaded(tiny, "dataset.path=pics #1")["dataset"]["path"] == "pics"
    with pytest.raises(ConfigurationError, match=r"dataset\.path: input should be a valid string. Received: 2023"):
        loaded(tiny, "dataset.path=2023")


def make_spelled(
    image_shape: tuple[int, int, int],
    *,
    note: str | None = None,
    motto: Annotated[str, Field(max_length=20)] = "",
    size: int = 4,
    either: int | str = 1,
) -> dict[str, Any]:
    """A model with arguments of several types."""
    raise NotImplementedError


@pytest.mark.parametrize("text", TEXTS)
def test_arguments_of_builders_take_words_as_typed(text: str, tiny_yaml: WriteYaml) -> None:
    spelled = replace(catalog.models.get("dense_gan"), name="spelled", make=make_spelled)
    tiny = tiny_yaml({"model": {"name": "spelled"}})
    typed = [f"model.note={text}", f"model.motto={text}", "model.size=5 # wide"]
    with catalog.models.temporarily(spelled):
        experiment = resolving.load_experiment(tiny, tuple(map(Typed, typed)))
        assert experiment.model.arguments == {"note": text, "motto": text, "size": 5, "either": 1}
        # What takes text and something else is YAML, and so are overrides from Python.
        either = resolving.load_experiment(tiny, (Typed("model.either=2023"), "model.note='2023'"))
        assert either.model.arguments["either"] == 2023
        assert either.model.arguments["note"] == "2023"
        with pytest.raises(ConfigurationError, match=r"--set model.size=\[: model.size: .* valid integer"):
            resolving.load_experiment(tiny, (Typed("model.size=["),))


@pytest.mark.parametrize("name", ["pics #1", "pics ", "2023", "1e3"])
def test_the_folder_that_was_typed_is_read(
    name: str, tiny_yaml: WriteYaml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, shade in ((name, 200), ("pics", 10)):
        Path(folder).mkdir()
        for number in range(4):
            cv2.imwrite(f"{folder}/{number}.png", np.full((8, 8, 3), shade + number, np.uint8))
    tiny = tiny_yaml({"dataset": {"name": "image_folder", "image_size": 8}})
    parts = resolving.load_parts(tiny, (Typed(f"dataset.path={name}"),))
    images = resolving.read_images(parts, untracked).images
    assert sorted(images[:, 0, 0, 0]) == [200, 201, 202, 203]
    assert parse_yaml(parts.experiment.to_yaml(), "written").data["dataset"]["path"] == str(tmp_path / name)


def test_the_command_line_takes_words_as_typed(tiny_yaml: WriteYaml, run_cli: RunCli, tmp_path: Path) -> None:
    tiny = tiny_yaml({})
    printed = run_cli("validate", tiny, "--show", "--set", "dataset.path=pics #1 ", cwd=tmp_path)
    clean(printed)
    assert parse_yaml(printed.stdout, "printed").data["dataset"]["path"] == f"{tmp_path}/pics #1 "
    assert "valid integer" in one_line(run_cli("validate", tiny, "--set", "seed=x"), 2)
