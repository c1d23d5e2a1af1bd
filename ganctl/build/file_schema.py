"""The JSON schema of the YAML file, generated from the classes and signatures that validate it."""

from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from ganctl.build import catalog
from ganctl.experiment.experiment import TUTORIAL_CONSTANTS, Experiment
from ganctl.registry import Entry


class _Generator(GenerateJsonSchema):
    """As pydantic does it; for the defaults that are JSON already, without an adapter for each of them."""

    def encode_default(self, dft: Any) -> Any:
        return dft if dft is None or isinstance(dft, (bool, int, float, str)) else super().encode_default(dft)


def file_schema() -> dict[str, Any]:
    """Return the schema: every key, every builder's own arguments, and the tutorials' constants at the top level."""
    schema = Experiment.model_json_schema(schema_generator=_Generator)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    definitions = schema["$defs"]
    _name_one_of(definitions["DatasetSection"], catalog.datasets, own_arguments=False)
    _name_one_of(definitions["ModelSection"], catalog.models)
    _name_one_of(definitions["LossSection"], catalog.losses)
    _name_one_of(definitions["PenaltySection"], catalog.penalties)
    _name_one_of(definitions["GeneratorTermSection"], catalog.generator_terms)
    _name_one_of(definitions["AugmentationSection"], catalog.augmentations)
    for constant in TUTORIAL_CONSTANTS:
        path = ".".join(TUTORIAL_CONSTANTS[constant])
        schema["properties"][constant.upper()] = {"description": f"The same as {path}.", "type": "integer"}
    return schema


def _name_one_of(section: dict[str, Any], entries: Iterable[Entry], *, own_arguments: bool = True) -> None:
    """Allow only registered names, and with each name its builder's arguments."""
    entries = list(entries)
    section["properties"]["name"]["enum"] = [entry.name for entry in entries]
    if not own_arguments:
        return
    common = dict.fromkeys(section["properties"], True)
    default = section["properties"]["name"].get("default")
    section.pop("additionalProperties", None)
    section["allOf"] = [
        {
            # A file without a name uses the default.
            "if": {
                "properties": {"name": {"const": entry.name}},
                "required": [] if entry.name == default else ["name"],
            },
            "then": {
                "properties": {
                    **common,
                    **entry.arguments().model_json_schema(schema_generator=_Generator).get("properties", {}),
                },
                "additionalProperties": False,
            },
        }
        for entry in entries
    ]
