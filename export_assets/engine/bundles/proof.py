"""Reading a bundle's tree back: how many rows of each table it holds, and what is in them."""

import mmap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from export_assets.engine.bundles.lines import content_hash
from export_assets.engine.bundles.names import CONTINUED, root_name
from export_assets.engine.bundles.tree import REFERENCE
from export_assets.errors import IntegrityError
from export_assets.formats.json_values import decode_json
from export_assets.store.contents import BundleRecord


@dataclass(kw_only=True)
class Counted:
    """What a tree holds, by table."""

    rows: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)
    """The sums of `content_hash` over the rows."""


def read_tree(path: Path, root: str, record: BundleRecord) -> Counted:
    """Count the rows of the tree at *path*, root after root.

    Raises:
        IntegrityError: It is no tree of the tables that *record* describes.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read(bytes(data), root, record)
    except (msgspec.DecodeError, ValueError, TypeError, KeyError) as error:
        msg = f"{path.name}: is no tree of {root}: {' '.join(str(error).split())}"
        raise IntegrityError(msg) from error


def _read(data: bytes, root: str, record: BundleRecord) -> Counted:
    reader = _TreeReader(record)
    members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    for text in msgspec.json.decode(members[root_name(root)], type=list[msgspec.Raw]):
        reader.take(root, decode_json(text))
    for text in msgspec.json.decode(members.get(CONTINUED, b"[]"), type=list[msgspec.Raw]):
        found = decode_json(text)
        reader.take(found["table"], found["row"])
    return reader.counted


class _TreeReader:
    def __init__(self, record: BundleRecord) -> None:
        self.counted = Counted()
        self._columns = {
            table.name: {column.name for column in table.columns} for table in record.tables
        }
        self._nested: Mapping[str, Mapping[str, str]] = {
            table.name: table.nested for table in record.tables
        }

    def take(self, table: str, record: dict[str, Any]) -> None:
        """Count *record*, and what stands inside it, unless it is a mere reference."""
        columns, nested = self._columns[table], self._nested[table]
        if record.keys() == {REFERENCE} and columns != {REFERENCE}:
            return
        own = {name: value for name, value in record.items() if name in columns}
        if own.keys() != columns or not record.keys() - columns <= nested.keys():
            msg = f"a row of {table} has other members than its columns"
            raise ValueError(msg)
        self.counted.rows[table] += 1
        self.counted.totals[table] = (self.counted.totals[table] + content_hash(own)) % 2**64
        for name in record.keys() - columns:
            found = record[name]
            for one in found if isinstance(found, list) else [found] if found else []:
                self.take(nested[name], one)
