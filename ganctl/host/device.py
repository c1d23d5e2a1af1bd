"""The device that ganctl computes on."""

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
    """A device, and why it was chosen."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


def select_device(wish: str) -> Device:
    """Make one device visible to TensorFlow before anything is placed on one; afterwards `auto` keeps that device.

    Args:
        wish: `auto`, `cpu`, `gpu` or `gpu:N`.

    Raises:
        UsageError: the name is invalid, the GPU does not exist, or this process already uses another device.
    """
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", wish):
        raise UsageError(f"--device takes auto, cpu, gpu or gpu:N. Received: {wish!r}")
    gpus = tf.config.list_physical_devices("GPU")
    number = int(wish.partition(":")[2] or 0)
    if wish.startswith("gpu") and number >= len(gpus):
        why = "they are numbered from 0" if gpus else _why_no_gpu()
        raise UsageError(f"--device {wish}: TensorFlow has {len(gpus)} usable GPUs: {why}.")
    # GPUs that a notebook has hidden stay hidden, unless the user names one.
    wanted = {"auto": tf.config.get_visible_devices("GPU")[:1], "cpu": []}.get(wish, gpus[number : number + 1])
    try:
        tf.config.set_visible_devices(wanted, "GPU")
        with suppress(ValueError):  # a notebook has set its own limit on GPU memory
            for gpu in wanted:
                tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:  # TensorFlow is already running in this process, as in a notebook
        taken = tf.config.get_visible_devices("GPU")
        if wish != "auto" and taken[:1] != wanted:
            raise UsageError(
                f"--device {wish}: this process already uses {_name(taken, gpus)}, and TensorFlow cannot switch. "
                "Start another process (in a notebook: restart the kernel)."
            ) from None
        return Device(_name(taken, gpus), "already in use by this process")
    if wish == "auto":
        return Device(_name(wanted, gpus), "the first usable GPU" if wanted else _why_no_gpu())
    return Device(_name(wanted, gpus), "as requested")


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
    return (
        "there is an NVIDIA GPU, but TensorFlow cannot use it; to install the CUDA libraries: pip install 'ganctl[gpu]'"
    )
