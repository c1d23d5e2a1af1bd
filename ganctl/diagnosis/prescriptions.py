"""Changes that several rules advise, computed from the settings of the run."""

import json
from collections.abc import Mapping
from typing import Any

from ganctl.diagnosis.findings import Advice
from ganctl.diagnosis.history import RunHistory


def learning_rate(history: RunHistory, player: str, factor: float, why: str) -> Advice:
    """Advise to multiply the learning rate of a player by a factor."""
    return rate(history, player, history.number(f"optimizer.{player}.learning_rate", 2e-4) * factor, why)


def rate(history: RunHistory, player: str, value: float, why: str) -> Advice:
    """Advise a learning rate for a player."""
    return Advice(f"optimizer.{player}.learning_rate={value:.2g}", why)


def penalty(history: RunHistory, name: str, why: str, **settings: Any) -> Advice:
    """Advise to add a penalty, or to change its settings; the other penalties stay."""
    kept: dict[str, Mapping[str, Any]] = dict(history.penalties)
    kept[name] = {**kept.get(name, {}), "name": name, **settings}
    return Advice(f"loss.penalties={_listed(kept)}", why)


def augment(history: RunHistory, name: str, why: str) -> Advice:
    """Advise to add an augmentation; the others stay."""
    return Advice(f"training.augment={_listed({**history.augmentations, name: {'name': name}})}", why)


def scaled(history: RunHistory, key: str, factor: float, why: str, default: float, most: float = 1e9) -> Advice:
    """Advise to multiply an integer key by a factor; the result is from 1 to `most`."""
    value = int(max(1, min(most, round(history.number(key, default) * factor))))
    return Advice(f"{key}={value}", why)


def _listed(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Return named entries as `--set` takes a list: JSON, which is YAML."""
    return json.dumps(list(entries.values()))
