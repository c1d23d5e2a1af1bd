"""Images in a column of Parquet files, read where they are."""

import io
import json
import os
import threading
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from ganctl.errors import ConfigurationError, DataError
from ganctl.host.files import reading, shown
from ganctl.images.containers import ListedFile

_IMAGE_COLUMNS = ("image", "img")
_BYTES, _PATH = "bytes", "path"

# Row groups in memory: threads that read one after another are in at most two.
_GROUPS = 2


@dataclass(frozen=True)
class _Group:
    """A row group: rows that are stored, and therefore read, together."""

    shard: Path
    number: int
    first: int  # of its rows in the shard


class ParquetTables:
    """The images in one or several Parquet files of the same columns, a `containers.Container`.

    An image is a struct of its `bytes` and `path`, as on the Hugging Face hub, or plain bytes. Its name is that of the
    file, and `row` with its number from 0.

    Args:
        shards: the files.

    Raises:
        ConfigurationError: pyarrow is not installed.
        DataError: a file is damaged, it has other columns than the first one, or no column has images.
    """

    in_order = True

    def __init__(self, shards: list[Path]) -> None:
        self._parquet = _pyarrow_parquet()
        self.path = shards[0] if len(shards) == 1 else Path(os.path.commonpath([shard.parent for shard in shards]))
        self._groups: list[_Group] = []
        self._starts: list[int] = []
        self._listed: list[ListedFile] = []
        self._rows: dict[str, int] = {}
        self._metadata: dict[Path, Any] = {}
        self._recent: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()
        for number, shard in enumerate(shards):
            with _readable(shard), self._parquet.ParquetFile(shard) as file:
                schema, metadata = file.schema_arrow, file.metadata
                modified = shard.stat().st_mtime_ns
            if number == 0:
                self.columns: list[str] = list(schema.names)
                self.features = _features(schema)
                self._image = self._image_column(schema, shards[0])
            elif list(schema.names) != self.columns or _features(schema) != self.features:
                raise DataError(
                    f"{shown(shard)} has other columns or classes than {shown(shards[0])}. Learn from files that "
                    "belong together."
                )
            self._metadata[shard] = metadata
            self._list(shard, "" if len(shards) == 1 else str(shard.relative_to(self.path)), modified)

    def _list(self, shard: Path, below: str, modified: int) -> None:
        first = 0
        for number in range(self._metadata[shard].num_row_groups):
            self._groups.append(_Group(shard, number, first))
            self._starts.append(len(self._listed))
            for row in range(first, first + self._metadata[shard].row_group(number).num_rows):
                name = os.path.join(below, f"row {row}")
                self._rows[name] = len(self._listed)
                # The sizes of single images are not known before they are read.
                self._listed.append(ListedFile(name, 0, modified))
            first += self._metadata[shard].row_group(number).num_rows

    def _image_column(self, schema: Any, shard: Path) -> str:
        """Return the column of the images: the one that the file says, or the one of a usual name."""
        said = [name for name, feature in self.features.items() if feature.get("_type") == "Image"]
        usual = [name for name in _IMAGE_COLUMNS if name in schema.names]
        for name in said if len(said) == 1 else usual:
            kind = schema.field(name).type
            fields = [kind.field(place).name for place in range(kind.num_fields)]
            if _BYTES in fields or str(kind) in ("binary", "large_binary"):
                return name
        raise DataError(
            f"{shown(shard)} has no column `image` of bytes. Its columns: {', '.join(schema.names) or 'none'}."
        )

    def files(self) -> tuple[list[ListedFile], Counter[str]]:
        """List the images, as `Container.files` says."""
        return list(self._listed), Counter()

    def find(self, name: str) -> ListedFile | None:
        """Return the image of a name, if there is one."""
        row = self._rows.get(name)
        return None if row is None else self._listed[row]

    @contextmanager
    def open(self, name: str) -> Iterator[BufferedIOBase]:
        """Open an image for reading bytes; raises DataError."""
        row = self._rows[name]
        place = bisect_right(self._starts, row) - 1
        value = self._images(place)[row - self._starts[place]].as_py()
        content = value.get(_BYTES) if isinstance(value, dict) else value
        if content is None:
            raise DataError("it has no bytes")
        yield io.BytesIO(content)

    def check_inside(self) -> None:
        """Raise DataError if images are not in the table, but only the paths to them."""
        for place, group in enumerate(self._groups):
            for row in self._without_bytes(place):
                value = self._images(place)[row].as_py()
                if isinstance(value, dict) and value.get(_PATH) is not None:
                    raise DataError(
                        f"{shown(group.shard)}: row {group.first + row} has no bytes, but only the path "
                        f"{value[_PATH]!r}. Learn from the folder of these images, with `dataset.name: image_folder`, "
                        "or write the table with their bytes inside."
                    )

    def column(self, name: str) -> list[Any]:
        """Return the values of another column, one for each image; raises DataError."""
        values: list[Any] = []
        for shard in self._metadata:
            with _readable(shard), self._file(shard) as file:
                values += file.read(columns=[name]).column(name).to_pylist()
        return values

    def _images(self, place: int) -> Any:
        """Return the column of images of a row group."""
        with self._lock:
            if place not in self._recent:
                group = self._groups[place]
                while len(self._recent) >= _GROUPS:
                    self._recent.popitem(last=False)
                with _readable(group.shard), self._file(group.shard) as file:
                    table = file.read_row_group(group.number, columns=[self._image])
                self._recent[place] = table.column(self._image)
            self._recent.move_to_end(place)
            return self._recent[place]

    def _without_bytes(self, place: int) -> list[int]:
        """Return the rows of a group that have no bytes; it is read only if its statistics do not say: none."""
        group = self._groups[place]
        stored = self._metadata[group.shard].row_group(group.number)
        for number in range(stored.num_columns):
            column = stored.column(number)
            if column.path_in_schema in (self._image, f"{self._image}.{_BYTES}") and column.is_stats_set:
                statistics = column.statistics
                if statistics.has_null_count and statistics.null_count == 0:
                    return []
        rows = self._images(place).to_pylist()
        return [row for row, value in enumerate(rows) if isinstance(value, dict) and value.get(_BYTES) is None]

    def _file(self, shard: Path) -> Any:
        return self._parquet.ParquetFile(shard, metadata=self._metadata[shard])


def _pyarrow_parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise ConfigurationError(
            "the data set 'parquet' needs pyarrow. Install it: pip install 'ganctl[parquet]'", key="dataset.name"
        ) from None
    return pyarrow.parquet


@contextmanager
def _readable(shard: Path) -> Iterator[None]:
    """Raise DataError if the body cannot read a Parquet file."""
    from pyarrow import ArrowException

    try:
        with reading(shard):
            yield
    except (ArrowException, ValueError) as error:
        raise DataError(f"{shown(shard)} is not a Parquet file, or a damaged one: {error}. Get it again.") from None


def _features(schema: Any) -> dict[str, dict[str, Any]]:
    """Return what the library `datasets` says about the columns, by name; nothing if it did not write the file."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
