"""MNIST: 28 x 28 grey digits."""

from ganctl.datasets import registry
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images.archives import read_training_split
from ganctl.images.data_paths import downloaded, given_path
from ganctl.images.image_set import ImageSet, Track, from_arrays

_ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


@registry.register(
    "mnist",
    source="Y. LeCun, C. Cortes and C. Burges, http://yann.lecun.com/exdb/mnist; CC BY-SA 3.0",
    shape=(28, 28, 1),
)
def mnist(config: DatasetSection, track: Track) -> ImageSet:
    """Handwritten digits, the 60,000 training images; `path:` may name mnist.npz or a folder of idx files."""
    if config.path is None:
        path = downloaded("mnist.npz", _ORIGIN, _SHA256, track)
    else:
        path = given_path(config, "mnist.npz or a folder of idx files")
        if (path / "mnist.npz").is_file():
            path /= "mnist.npz"
    images, labels = read_training_split(path)
    return from_arrays(images, labels, tuple("0123456789"), config, shown(path))
