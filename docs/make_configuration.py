"""Writes docs/configuration.md from the code that validates the YAML; a test keeps the page up to date."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from ganctl import augmentations, datasets, losses, models
from ganctl.experiment.experiment import TUTORIAL_CONSTANTS, Experiment
from ganctl.experiment.sections import Resume, Section
from ganctl.registry import Registry

PAGE = Path(__file__).with_name("configuration.md")

HEAD = """# The experiment file: every key

Written by `docs/make_configuration.py` from the code. Keys are case-insensitive, and an unknown key is an
error. `--set section.key=value` overrides any key; set a list as a whole, as in
`--set 'loss.penalties=[{name: r1, weight: 5}]'`. If a key takes only text, such as `dataset.path`, what follows
the equals sign is that text as typed, except for `null` and quoted YAML strings; otherwise it is YAML.
`ganctl validate FILE --show` prints a file with every default filled in.

The column *on resume* says whether `ganctl resume` may change a key of a run:

- **free**: yes, with `--set` or in the run's `config.yaml`. Nothing that is learned depends on it. (Images
  may move to another `dataset.path`, but must be the same.)
- **label**: yes, in `config.yaml`, but not with `--set`. It only names the run or its files. (A plugin whose
  code changed needs `--allow-changes`.)
- **ask**: yes, with `--allow-changes`. The run continues, but as a different training.
- **no**: the checkpoint would not fit, or would mean something else. Start a new run from its weights
  instead, with `ganctl train --init-from`.

Keys of a model, a loss or a penalty are **no**, keys of an augmentation **ask**. What holds for `ada` holds
for any augmentation with a memory. A `schedule` of any optimizer counts for `iterations`; for
`disc_updates`, a `schedule` or `warmup` of any optimizer except the generator's; for `gen_updates`, of any
except the discriminator's.
"""

ON_RESUME = {
    Resume.FREE: "free",
    Resume.LABEL: "label",
    Resume.ASK: "ask",
    Resume.NO: "no",
    Resume.LENGTH: "free; ask with a `schedule`",
    Resume.DISCRIMINATOR_PACE: "ask; no with a `schedule` or `warmup`",
    Resume.GENERATOR_PACE: "ask; no with a `schedule` or `warmup`",
    Resume.STAGES: "ask; no if a stage has updates of its own and there is a `schedule` or `warmup`",
    Resume.AUGMENTATIONS: "ask; no to add or remove `ada`",
}


def page() -> str:
    """Return the page."""
    parts = [HEAD, *_section("", Experiment)]
    for title, registry in (
        ("Models: further keys of `model`", models.registry),
        ("Losses: further keys of `loss`", losses.registry),
        ("Penalties: further keys of an entry of `loss.penalties`", losses.penalties),
        ("Generator terms: further keys of an entry of `loss.generator_terms`", losses.generator_terms),
        ("Augmentations: further keys of an entry of `training.augment`", augmentations.registry),
    ):
        parts += [f"## {title}\n", *_builders(registry)]
    parts.append("## Data sets\n")
    parts += [f"- `{entry.name}`: {entry.summary}" for entry in datasets.registry]
    parts.append("\n## The tutorials' constants\n\nThese also work at the top level of the file:\n")
    parts += [f"- `{name.upper()}` is `{'.'.join(path)}`" for name, path in TUTORIAL_CONSTANTS.items()]
    return "\n".join(parts) + "\n"


def _section(path: str, schema: type[Section]) -> list[str]:
    title = f"## `{path}`\n" if path else "## Top level\n"
    lines = [title, "| key | default | on resume | meaning |", "| --- | --- | --- | --- |"]
    inner: list[str] = []
    for key, info in schema.model_fields.items():
        annotation: Any = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            inner += _section(f"{path}.{key}".strip("."), annotation)
        else:
            default = "required" if info.is_required() else _shown(info.get_default(call_default_factory=True))
            listed = _listed(annotation)
            choices = "" if listed else _choices(annotation)
            meaning = " ".join(info.description.split())
            lines.append(f"| `{key}` | {default} | {ON_RESUME[schema.mark_of(key)]} | {meaning}{choices} |")
            inner += _section(f"{path}.{key}[]", listed) if listed else []
    return [*lines, "", *inner] if len(lines) > 3 else inner


def _listed(annotation: Any) -> type[Section] | None:
    """The class of a list's items, if they are sections."""
    for item in get_args(annotation):
        kind = get_args(item)[0] if get_origin(item) is Annotated else item
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None


def _builders(registry: Registry) -> list[str]:
    lines = []
    for entry in registry:
        lines.append(f"- `{entry.name}`: {entry.summary} ({entry.source})")
        for key, info in entry.arguments().model_fields.items():
            default = "required" if info.is_required() else _shown(info.default)
            lines.append(f"  - `{key}` (default {default}): {_meaning(entry.documentation, key)}")
    return [*lines, ""]


def _meaning(docstring: str, argument: str) -> str:
    found = re.search(rf"^ *{argument}: (.*(?:\n {{8,}}\S.*)*)", docstring, re.MULTILINE)
    return " ".join(found.group(1).split()) if found else ""


def _choices(annotation: Any) -> str:
    text = str(annotation)
    choices = re.findall(r"'([^']+)'", text) if "Literal" in text else []
    choices += ["true", "false"] if choices and "bool" in text else []
    return " (" + ", ".join(f"`{choice}`" for choice in choices) + ")" if choices else ""


def _shown(value: Any) -> str:
    return "`null`" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(PAGE.read_text() != page())
    PAGE.write_text(page())
