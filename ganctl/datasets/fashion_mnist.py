"""Fashion-MNIST: 28 x 28 grey pictures of clothes; all of it from Keras' cache, or the part that ships with ganctl."""

from importlib.resources import as_file, files

from ganctl.datasets import registry
from ganctl.errors import ConfigurationError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images.archives import read_npz, read_training_split
from ganctl.images.data_paths import downloaded, given_path
from ganctl.images.image_set import ImageSet, Track, from_arrays

_SOURCE = "H. Xiao, K. Rasul and R. Vollgraf, https://github.com/zalandoresearch/fashion-mnist; MIT, Zalando SE"
_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
# Keras publishes no hashes of these files, so downloads are checked only by their format.
_FILES = ("train-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz")


@registry.register("fashion_mnist", source=_SOURCE, shape=(28, 28, 1))
def fashion_mnist(config: DatasetSection, track: Track) -> ImageSet:
    """Clothes, the 60,000 training images; `path:` may name a folder of idx files, or an npz."""
    if config.path is None:
        path = [downloaded(name, _ORIGIN + name, None, track, subfolder="fashion-mnist") for name in _FILES][-1]
    else:
        path = given_path(config, "a folder of idx files")
    images, labels = read_training_split(path)
    return from_arrays(images, labels, _CLASSES, config, shown(path))


@registry.register("fashion_mnist_mini", source=_SOURCE, shape=(28, 28, 1), embedded=True)
def fashion_mnist_mini(config: DatasetSection, track: Track) -> ImageSet:
    """Clothes, the 10,000 test images, which ship with ganctl."""
    if config.path is not None:
        raise ConfigurationError(
            f"'{config.name}' ships with ganctl and takes no path. Remove the key, or choose another data set, such as "
            "image_folder.",
            key="dataset.path",
        )
    with as_file(files("ganctl.datasets") / "data" / "fashion_mnist_10k.npz") as path:
        images, labels = read_npz(path, "images", "labels")
    return from_arrays(images, labels, _CLASSES, config, config.name)
