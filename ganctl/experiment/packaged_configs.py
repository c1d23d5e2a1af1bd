"""The configurations that ship with ganctl."""

from pathlib import Path

from ganctl.errors import UsageError, did_you_mean

# In an installed wheel they are inside the package; in a checkout, in the top-level folder that the wheel copies.
_PACKAGE = Path(__file__).parent.parent
_FOLDERS = (_PACKAGE / "configs", _PACKAGE.parent / "configs")


def packaged_configs() -> dict[str, Path]:
    """Return the packaged configurations by name."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))} if folder else {}


def find_config(config: str) -> Path:
    """Return the file that a user means: a path, or the name of a packaged configuration (also `configs/NAME.yaml`)."""
    path = Path(config)
    if path.is_file():
        return path
    packaged = packaged_configs()
    if (
        path.parent in (Path(), Path("configs"))
        and path.suffix in ("", ".yaml", ".yml")
        and path.stem in packaged
        and not path.exists()
    ):
        return packaged[path.stem]
    if path.is_dir():
        raise UsageError(
            f"{config} is a folder. Give a YAML file or the name of a packaged configuration: {', '.join(packaged)}."
        )
    raise UsageError(
        f"{config} does not exist.{did_you_mean(path.stem, packaged)} Packaged configurations: {', '.join(packaged)}."
    )
