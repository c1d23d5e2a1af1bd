"""What a word after `ganctl train` stands for, also beside files and folders with the names of packaged ones."""

import re
from pathlib import Path

import pytest
from conftest import RunCli
from test_cli import one_line

from ganctl.errors import UsageError
from ganctl.experiment.packaged_configs import find_config, packaged_configs

NAMES = sorted(packaged_configs())


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(config: str) -> str:
    with pytest.raises(UsageError) as caught:
        find_config(config)
    return str(caught.value)


def suggested(message: str) -> str:
    found = re.search(r"To use that, write (\S+?)[.;]? ", message)
    assert found, message
    return found[1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_folder_in_the_way_of_a_packaged_name_is_named_with_both_ways_out(name: str, slash: str) -> None:
    Path(name).mkdir()
    message = refusal(name + slash)
    assert message.startswith(f"{name} is a folder here, and also the name of a packaged configuration.")
    assert f"For the pictures in the folder: ganctl init {name}." in message
    assert find_config(suggested(message)) == packaged_configs()[name]


def test_what_init_wrote_beside_the_folder_is_named_as_well() -> None:
    Path("photos").mkdir()
    Path("photos.yaml").write_text("name: mine\n")
    message = refusal("photos")
    assert message.endswith("To use the file beside the folder, write photos.yaml")
    assert find_config("photos.yaml") == Path("photos.yaml")
    assert find_config(suggested(message)) == packaged_configs()["photos"]


def test_a_file_of_a_packaged_name_is_not_read_in_its_place() -> None:
    Path("quickstart").write_text("name: mine\n")
    message = refusal("quickstart")
    assert message.endswith("; to use the file, write ./quickstart")
    assert find_config("./quickstart") == Path("quickstart")
    assert find_config(suggested(message)) == packaged_configs()["quickstart"]


def test_every_spelling_may_be_taken() -> None:
    for name in ("quickstart", "configs"):
        Path(name).mkdir()
    for name in ("quickstart.yaml", "quickstart.yml", "configs/quickstart"):
        Path(name).write_text("name: mine\n")
    assert find_config(suggested(refusal("quickstart"))).samefile(packaged_configs()["quickstart"])


def test_a_link_to_nowhere_is_not_in_the_way() -> None:
    Path("quickstart").symlink_to("nowhere")
    assert find_config("quickstart") == packaged_configs()["quickstart"]


def test_another_folder_is_for_init() -> None:
    Path("my cats").mkdir()
    assert "For the pictures in the folder: ganctl init 'my cats'." in refusal("my cats")


@pytest.mark.slow
def test_training_again_beside_the_first_run_names_that_run(run_cli: RunCli, tmp_path: Path) -> None:
    Path("quickstart").mkdir()
    Path("quickstart/config.yaml").write_text(packaged_configs()["quickstart"].read_text())
    message = one_line(run_cli("train", "quickstart", "--output-dir", ".", cwd=tmp_path), 2)
    assert message.endswith("To continue a run in it: ganctl resume quickstart")
    again = run_cli("validate", suggested(message), cwd=tmp_path)
    assert (again.returncode, again.stdout.split(": ")[-1]) == (0, "run folder 'quickstart'.\n")
