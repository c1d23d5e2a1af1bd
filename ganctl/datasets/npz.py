"""Images from the user's own NumPy archive."""

from pathlib import Path

import numpy as np

from ganctl.datasets import registry
from ganctl.errors import DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images.archives import is_npy, npz_images, read_npy, read_npz
from ganctl.images.data_paths import given_path
from ganctl.images.image_set import ImageSet, Track, from_arrays

_LABELS = ("labels", "y_train", "train_labels", "y", "Y", "label", "targets")


@registry.register(
    "npz", source="your own NumPy archive, as `np.savez` writes it", shape=None, suffixes=(".npz", ".npy")
)
def npz(config: DatasetSection, track: Track) -> ImageSet:
    """A .npz with `images` (or x_train, train_images, x, data, arr_0) and `labels` (y_train, ...), or a .npy.

    `class_names` gives the labels 0, 1, 2 ... names.
    """
    path = given_path(config, "an npz file")
    if path.is_dir():
        raise DataError(f"{shown(path)} is a folder. For a folder of pictures, set `dataset.name` to `image_folder`.")
    if is_npy(path):
        return from_arrays(read_npy(path), None, (), config, shown(path))
    pixels, known = npz_images(path)
    numbers = next((name for name in _LABELS if name in known), None)
    (images,) = read_npz(path, pixels)
    labels = read_npz(path, numbers)[0] if numbers else None
    alpha = bool(np.all(read_npz(path, "alpha")[0])) if "alpha" in known else False
    note = f"the images are '{pixels}', " + (f"their labels '{numbers}'" if numbers else "without labels")
    others = [name for name in known if name.endswith("_images") and name != pixels]
    more = (f"other parts are left out: {', '.join(others)}",) if others else ()
    names = _class_names(path) if labels is not None and "class_names" in known else ()
    return from_arrays(images, labels, names, config, shown(path), alpha=alpha).noted(note, *more)


def _class_names(path: Path) -> tuple[str, ...]:
    (found,) = read_npz(path, "class_names")
    if found.ndim != 1 or found.dtype.kind != "U":
        received = f"{found.dtype} {list(found.shape)}"
        raise DataError(f"{shown(path)}: `class_names` should be a vector of text. Received: {received}")
    return tuple(found.tolist())
