"""Prints what is registered."""

from collections.abc import Sequence

from ganctl.cli._printing import show, show_json
from ganctl.registry import Entry, Registry


def print_entries(registries: Sequence[Registry], *, as_json: bool) -> None:
    """Print one line per name, with its source; or the same as a JSON list of objects."""
    entries = [(registry.kind, entry) for registry in registries for entry in registry]
    if as_json:
        show_json([_as_object(kind, entry) for kind, entry in entries])
        return
    width = max((len(entry.name) for _, entry in entries), default=0)
    for _, entry in entries:
        show(f"{entry.name:<{width}}  {entry.summary} [{entry.source}]")


def _as_object(kind: str, entry: Entry) -> dict[str, object]:
    arguments = entry.arguments().model_json_schema().get("properties", {})
    return {"name": entry.name, "kind": kind, "summary": entry.summary, "source": entry.source, "arguments": arguments}
