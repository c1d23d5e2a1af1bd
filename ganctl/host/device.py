"""Where the training runs."""

import glob
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ganctl.errors import UsageError
from ganctl.lazy import tf

GPU_FILES = "/dev/nvidia[0-9]*"


@dataclass(frozen=True)
class Device:
    """A device and why it was taken."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


def select_device(wish: str) -> Device:
    """Make one device visible to TensorFlow, before anything is placed on it; where something is, `auto` stays there.

    Args:
        wish: `auto`, `cpu`, `gpu` or `gpu:N`.

    Raises:
        UsageError: no such device, a GPU that is not there, or another device than this process works on already.
    """
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", wish):
        raise UsageError(f"--device takes auto, cpu, gpu or gpu:N. Received: {wish!r}")
    gpus = tf.config.list_physical_devices("GPU")
    number = int(wish.partition(":")[2] or 0)
    if wish.startswith("gpu") and number >= len(gpus):
        raise UsageError(
            f"--device {wish}: TensorFlow has {len(gpus)} usable GPUs: {_why_no_gpu() if not gpus else 'count from 0'}."
        )
    # What a notebook has hidden stays so, unless the user names it.
    wanted = {"auto": tf.config.get_visible_devices("GPU")[:1], "cpu": []}.get(wish, gpus[number : number + 1])
    try:
        tf.config.set_visible_devices(wanted, "GPU")
        with suppress(ValueError):  # a notebook's own limit of the GPU's memory
            for gpu in wanted:
                tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:  # TensorFlow works in this process already, as it does in a notebook
        taken = tf.config.get_visible_devices("GPU")
        if wish != "auto" and taken[:1] != wanted:
            raise UsageError(
                f"--device {wish}: this process works on {_name(taken, gpus)} already, and TensorFlow cannot move. "
                "Begin another process (in a notebook: restart the kernel)."
            ) from None
        return Device(_name(taken, gpus), "where this process works already")
    if wish == "auto":
        return Device(_name(wanted, gpus), "the first usable GPU" if wanted else _why_no_gpu())
    return Device(_name(wanted, gpus), "as asked")


def _name(taken: list[Any], gpus: list[Any]) -> str:
    if not taken:
        return "CPU"
    details = tf.config.experimental.get_device_details(taken[0])
    return f"GPU:{gpus.index(taken[0])} {details.get('device_name', 'GPU')}"


def _why_no_gpu() -> str:
    if tf.config.list_physical_devices("GPU"):
        return "the GPU is hidden"
    if not glob.glob(GPU_FILES):
        return "no GPU found"
    return "an NVIDIA GPU is here, but TensorFlow cannot use it; for the CUDA libraries: pip install 'ganctl[gpu]'"
