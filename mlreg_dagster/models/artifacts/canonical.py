"""A fitted pipeline as bytes that depend on the pipeline alone: the same training gives the same file.

skops writes into its archive the addresses of objects, the time of day, whatever lies in the gaps of structured arrays,
and how often a neighbour index was asked. None of it means anything, so it is replaced here: two files of one training
can be compared byte by byte.
"""

import io
import json
from collections.abc import Iterator
from itertools import count
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline

_SCHEMA = "schema.json"
_INDEXES = ("KDTree", "BallTree")
_COUNTERS = slice(7, 11)  # of the state of an index in scikit-learn: trims, leaves, splits and calls of its queries
_COMPRESSION = 1  # half the time of the usual level 6, for a tenth more bytes


def to_bytes(pipeline: Pipeline) -> bytes:
    """A fitted pipeline as a skops file."""
    written = io.BytesIO()
    with ZipFile(io.BytesIO(skops.io.dumps(pipeline))) as found, ZipFile(written, "w", ZIP_DEFLATED) as archive:
        schema = json.loads(found.read(_SCHEMA))
        _forget_queries(schema)
        names = _number(schema)
        for old, new in names.items():
            archive.writestr(ZipInfo(new), _without_gaps(found.read(old)), ZIP_DEFLATED, _COMPRESSION)
        archive.writestr(ZipInfo(_SCHEMA), json.dumps(schema, indent=2), ZIP_DEFLATED, _COMPRESSION)
    return written.getvalue()


def _number(schema: Any) -> dict[str, str]:
    """Number objects and files by their place in the schema; returns each file's old and new name."""
    numbers, objects, files = count(), dict[int, int](), dict[str, str]()
    for node in _nodes(schema):
        if "__id__" in node:
            number = next(numbers)
            # Whether two texts or numbers are one object depends on what else the process did, and does not matter.
            is_value = node["__loader__"] == "JsonNode"
            node["__id__"] = number if is_value else objects.setdefault(node["__id__"], number)
        if "file" in node:
            old = node["file"]
            node["file"] = files.setdefault(old, f"{len(files)}.{old.rpartition('.')[2]}")
    return files


def _forget_queries(schema: Any) -> None:
    """Set the counters of neighbour indexes to zero: they tell how often an index was asked, by how many threads."""
    for node in _nodes(schema):
        if node.get("__class__") in _INDEXES:
            for counter in node["content"]["content"][_COUNTERS]:
                counter["content"] = "0"


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value
        for each in value.values():
            yield from _nodes(each)
    elif isinstance(value, list):
        for each in value:
            yield from _nodes(each)


def _without_gaps(content: bytes) -> bytes:
    """A structured array with zeros between its fields; any other file as it is."""
    if not content.startswith(np.lib.format.MAGIC_PREFIX):
        return content
    array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    filled = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        filled[name] = array[name]
    written = io.BytesIO()
    np.lib.format.write_array(written, filled, allow_pickle=False)
    return written.getvalue()
