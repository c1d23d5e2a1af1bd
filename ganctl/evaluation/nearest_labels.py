"""Whether the nearest neighbour has the same class: how well vectors such as codes separate classes."""

import numpy as np

from ganctl.evaluation.class_accuracy import balanced_accuracy
from ganctl.evaluation.neighbours import nearest_rows

_BLOCK_BYTES = 2**27


def nearest_label_accuracy(
    vectors: np.ndarray, labels: np.ndarray, others: np.ndarray, other_labels: np.ndarray
) -> float:
    """Return the balanced accuracy of naming each vector by the label of its nearest neighbour among the others.

    Nearest is by Euclidean distance; of equally near ones, the first. With pixels as vectors, this is the baseline of
    an encoder's codes.

    Source: Donahue et al. 2016, "Adversarial feature learning", section 4.1.

    Args:
        vectors: of any type [N, ...]; each is seen as one row of numbers.
        labels: whole numbers [N].
        others: [M, ...].
        other_labels: whole numbers [M].
    """
    rows = vectors.reshape(len(vectors), -1)
    columns = others.reshape(len(others), -1)
    step = max(1, _BLOCK_BYTES // (4 * columns.shape[1]))
    nearest = np.zeros(len(rows), np.int64)
    for part in range(0, len(rows), step):
        some = rows[part : part + step].astype(np.float32)
        least = np.full(len(some), np.inf, np.float32)
        for start in range(0, len(columns), step):
            found, distances = nearest_rows(some, columns[start : start + step].astype(np.float32))
            nearer = distances < least
            nearest[part : part + step][nearer] = start + found[nearer]
            least[nearer] = distances[nearer]
    return balanced_accuracy(other_labels[nearest], labels)
