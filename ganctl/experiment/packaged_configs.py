"""The configurations that ship with ganctl."""

import shlex
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
    """Return the file that a user means: a path, or the name of a packaged configuration (also `configs/NAME.yaml`).

    Raises:
        UsageError: there is none, or the name of a packaged configuration is also that of a file or folder.
    """
    path, packaged = Path(config), packaged_configs()
    if config.rstrip("/") in packaged and path.exists():
        raise UsageError(_ambiguous(path))
    if path.is_file():
        return path
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
            f"{_for_folder(path)}"
        )
    raise UsageError(
        f"{config} does not exist.{did_you_mean(path.stem, packaged)} Packaged configurations: {', '.join(packaged)}."
    )


def _ambiguous(path: Path) -> str:
    """Return what to type if the name of a packaged configuration is also that of a file or folder."""
    name = path.name
    also = f"here, and also the name of a packaged configuration. To use that, write {_unambiguous(name)}"
    if path.is_dir():
        return f"{name} is a folder {also}.{_for_folder(path)}"
    return f"{name} is a file {also}; to use the file, write ./{name}"


def _unambiguous(name: str) -> str:
    """Return a spelling of a packaged configuration's name that is not that of a file or folder."""
    spellings = (f"{name}.yaml", f"{name}.yml", f"configs/{name}")
    free = next((spelling for spelling in spellings if not Path(spelling).exists()), None)
    return free or str(packaged_configs()[name])


def _for_folder(path: Path) -> str:
    """Return what to type for a folder: to train on pictures, or to resume a run."""
    name = shlex.quote(str(path))
    if Path(f"{path}.yaml").is_file():
        return f" To use the file beside the folder, write {name}.yaml"
    return f" For the pictures in the folder: ganctl init {name}. To continue a run in it: ganctl resume {name}"
