"""Features of the original Inception graph of 2015, whose Frechet distance alone is called FID.

ganctl may not ship the graph and does not download it: put it into the cache or give its path.
"""

import hashlib
from pathlib import Path
from typing import Any

from ganctl.errors import UsageError
from ganctl.evaluation.features.extractor import Extractor
from ganctl.host.cache_root import cache_root
from ganctl.lazy import tf

NAME = "classify_image_graph_def.pb"
ARCHIVE = "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
# As published with the copy that OpenAI's guided-diffusion evaluates with; its publishers give no SHA-256.
BYTES, MD5 = 95_673_916, "e6bb154e85f5d4331c22abcddb5dcf31"
IMAGES, POOLED = "ExpandDims:0", "pool_3:0"


def graph_path() -> Path:
    """Return the default path of the graph."""
    return cache_root() / "inception" / NAME


def inception_extractor(path: Path | None) -> Extractor:
    """Return the extractor; raises UsageError if the graph is missing or a different one.

    Args:
        path: path of the frozen graph; None: `graph_path()`.
    """
    where = path or graph_path()
    try:
        content = where.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The Inception graph {where} cannot be read: {error.strerror}. Take {NAME} from {ARCHIVE}, and put it at "
            f"{graph_path()} or give its path as --inception-graph. Or use --features lite0, which needs no file."
        ) from None
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if len(content) != BYTES or found != MD5:
        raise UsageError(
            f"{where} is not the Inception graph of 2015: it has {len(content):,} bytes and MD5 {found}, not {BYTES:,} "
            f"and {MD5}. Scores of another graph are not FID. The right one is {NAME} from {ARCHIVE}."
        )
    return Extractor(
        "inception",
        hashlib.sha256(content).hexdigest(),
        "bilinear to 299x299, by the graph itself",
        pooled(content),
        steps={
            "size": "299x299",
            "filter": "bilinear, not antialiased, corners of pixels at whole numbers (TensorFlow 1's), by the graph",
            "round": "no",
            "clip": "no",
            "scale": "(x-128)/128",
            "network": "the Inception graph of 2015",
            "layer": f"{POOLED}, 2048 numbers",
        },
    )


def pooled(content: bytes) -> Any:
    """Return a function for the graph's last pooled layer, [N, H, W, 3] in 0 .. 255 to [N, 2048]."""
    graph = tf.compat.v1.GraphDef.FromString(content)

    def features(images: Any) -> Any:
        # The graph resizes and scales a batch itself; only its JPEG reader is left out.
        (found,) = tf.graph_util.import_graph_def(
            graph, input_map={IMAGES: tf.cast(images, tf.float32)}, return_elements=[POOLED], name=""
        )
        return tf.reshape(found, [tf.shape(images)[0], found.shape[-1]])

    return features
