"""Where the training runs."""

import glob
import re
from dataclasses import dataclass

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
    """Make one device visible to TensorFlow, before anything is placed on it.

    Args:
        wish: `auto`, `cpu`, `gpu` or `gpu:N`.

    Raises:
        UsageError: no such device, or a GPU that is not there.
    """
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", wish):
        raise UsageError(f"--device takes auto, cpu, gpu or gpu:N. Received: {wish!r}")
    gpus = tf.config.list_physical_devices("GPU")
    if wish == "cpu" or (wish == "auto" and not gpus):
        tf.config.set_visible_devices([], "GPU")
        return Device("CPU", "as asked" if wish == "cpu" else _why_no_gpu())
    number = int(wish.partition(":")[2] or 0)
    if number >= len(gpus):
        raise UsageError(
            f"--device {wish}: TensorFlow has {len(gpus)} usable GPUs: {_why_no_gpu() if not gpus else 'count from 0'}."
        )
    tf.config.set_visible_devices(gpus[number], "GPU")
    tf.config.experimental.set_memory_growth(gpus[number], True)
    name = tf.config.experimental.get_device_details(gpus[number]).get("device_name", "GPU")
    return Device(f"GPU:{number} {name}", "the first usable GPU" if wish == "auto" else "as asked")


def _why_no_gpu() -> str:
    if not glob.glob(GPU_FILES):
        return "no GPU found"
    return "an NVIDIA GPU is here, but TensorFlow cannot use it; for the CUDA libraries: pip install 'ganctl[gpu]'"
