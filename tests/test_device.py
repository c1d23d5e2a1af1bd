"""Where it runs: what is said of a GPU that few machines have is tried with TensorFlow's answers on one that has it."""

from types import SimpleNamespace
from typing import Any

import pytest

from ganctl.errors import UsageError
from ganctl.host import device
from ganctl.host.device import select_device


class Config:
    """`tf.config` of a machine with two GPUs; once it works, it refuses to move, in TensorFlow's words."""

    def __init__(self, *, working: bool = False) -> None:
        self.gpus, self.working = ["first", "second"], working
        self.visible, self.grows = [*self.gpus], set[str]()
        self.experimental = SimpleNamespace(
            set_memory_growth=self.set_memory_growth, get_device_details=lambda gpu: {"device_name": f"the {gpu}"}
        )

    def list_physical_devices(self, _: str) -> list[str]:
        return self.gpus

    def get_visible_devices(self, _: str) -> list[str]:
        return self.visible

    def set_visible_devices(self, wanted: Any, _: str) -> None:
        if self.working and wanted != self.visible:
            raise RuntimeError("Visible devices cannot be modified after being initialized")
        self.visible = list(wanted) if isinstance(wanted, list) else [wanted]

    def set_memory_growth(self, gpu: str, _: bool) -> None:
        if self.working and gpu not in self.grows:
            raise RuntimeError("Physical devices cannot be modified after being initialized")
        self.grows.add(gpu)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    found = Config()
    monkeypatch.setattr(device, "tf", SimpleNamespace(config=found))
    return found


def test_a_process_stays_where_it_works(config: Config) -> None:
    assert str(select_device("gpu:1")) == "GPU:1 the second (as requested)"
    config.working = True
    assert str(select_device("auto")) == "GPU:1 the second (the first usable GPU)"
    assert str(select_device("gpu:1")) == "GPU:1 the second (as requested)"
    with pytest.raises(UsageError, match="--device cpu: this process already uses GPU:1 the second"):
        select_device("cpu")


def test_a_process_that_began_without_asking_stays_there_too(config: Config) -> None:
    """As a notebook's does, in which something else has used TensorFlow before."""
    config.gpus = config.visible = ["only"]
    config.working = True
    for wish in ("auto", "gpu", "gpu:0"):
        assert str(select_device(wish)) == "GPU:0 the only (already in use by this process)"


def test_what_a_notebook_has_hidden_or_limited_stays_so(config: Config) -> None:
    config.visible = ["second"]
    assert str(select_device("auto")) == "GPU:1 the second (the first usable GPU)"
    config.visible = []
    assert str(select_device("auto")) == "CPU (the GPU is hidden)"

    def limited(*_: Any) -> None:
        raise ValueError("Cannot set memory growth on device when virtual devices configured")

    config.experimental.set_memory_growth = limited
    assert str(select_device("gpu:0")) == "GPU:0 the first (as requested)"


def test_the_processor_is_a_device_like_the_others(config: Config) -> None:
    assert str(select_device("cpu")) == "CPU (as requested)"
    config.working = True
    assert str(select_device("auto")) == "CPU (the GPU is hidden)"
    with pytest.raises(UsageError, match="--device gpu: this process already uses CPU"):
        select_device("gpu")
    with pytest.raises(UsageError, match="--device gpu:2: TensorFlow has 2 usable GPUs: they are numbered from 0"):
        select_device("gpu:2")
