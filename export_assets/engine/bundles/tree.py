"""The nested JSON tree of a bundle: every row once, what hangs on a row inside it.

    {"metadata": {...},
     "clients": [{"id": 1, ..., "charts": [{"id": 7, ..., "interpretations": []}]}]}

See `placement` for where a row stands and `names` for what it is called there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote

import msgspec

from export_assets.engine.bundles.lines import Lines
from export_assets.engine.bundles.names import CONTINUED, Nested, nested_names, root_name
from export_assets.engine.bundles.placement import Placement, Row
from export_assets.engine.bundles.route import MODES, Route
from export_assets.engine.bundles.rows import BundleRows

REFERENCE = "$ref"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What is written as a tree."""

    route: Route
    rows: Mapping[str, BundleRows]
    lines: Mapping[str, Lines]
    roots: list[int]
    placed: Placement

    def names(self) -> dict[str, list[Nested]]:
        """Return, by table, what can stand inside its rows."""
        return {
            table: nested_names(self.route, table, rows.schema) for table, rows in self.rows.items()
        }

    def write(self, file: IO[bytes], metadata: Mapping[str, Any], *, pretty: bool) -> None:
        """Write the whole tree to *file*; equal rows give equal bytes."""
        writer = _Writer(self)
        parts = [(root_name(self.route.root), [(self.route.root, one) for one in self.roots])]
        file.write(b'{"metadata":' if not pretty else b'{\n  "metadata": ')
        file.write(_laid_out(_encode(metadata), pretty=pretty, indent=b"  "))
        for name, rows in parts:
            _write_list(file, name, (writer.record(row) for row in rows), pretty=pretty)
        if self.placed.continued:
            found = (
                b'{"table":' + _encode(row[0]) + b',"row":' + writer.record(row) + b"}"
                for row in self.placed.continued
            )
            _write_list(file, CONTINUED, found, pretty=pretty)
        file.write(b"\n}\n")


class _Writer:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._names = tree.names()
        self._steps = {
            table: {mode: tree.route.steps(table, mode) for mode in MODES} for table in tree.rows
        }

    def record(self, row: Row) -> bytes:
        """Return *row* in full with all that stands inside it."""
        table, number = row
        text = self._tree.lines[table].text(number)
        followed = set(self._tree.placed.nested(row, self._steps[table]))
        inside = [one for one in self._names[table] if one.step in followed]
        if not inside:
            return text
        members = b",".join(_encode(one.name) + b":" + self._inside(row, one) for one in inside)
        # A record has a column, so a comma parts it from what follows.
        return text[:-1] + b"," + members + b"}"

    def _inside(self, row: Row, nested: Nested) -> bytes:
        edges = self._tree.placed.edges[nested.step]
        found = [self._one(row, nested, number) for number in edges.of(row[1])]
        if nested.step.mode == "up" and not edges.several:
            return found[0] if found else b"null"
        return b"[" + b",".join(found) + b"]"

    def _one(self, row: Row, nested: Nested, number: int) -> bytes:
        target = (nested.step.table, number)
        if self._tree.placed.owner.get(target) == (row, nested.step):
            return self.record(target)
        return _encode({REFERENCE: self.reference(target)})

    def reference(self, row: Row) -> str:
        """Return `table/key` of *row* as it leaves; `table/#n` where it has no key to show."""
        table, number = row
        rows = self._tree.rows[table]
        record = self._tree.lines[table].record(number) if rows.table.order else {}
        values = [record.get(name) for name in rows.table.order]
        if not values or any(value is None for value in values):
            return f"{quote(table, safe='')}/#{number + 1}"
        return f"{quote(table, safe='')}/{','.join(map(_as_text, values))}"


def _as_text(value: object) -> str:
    text = value if isinstance(value, str) else _encode(value).decode()
    return quote(text, safe="")


def _write_list(file: IO[bytes], name: str, records: Iterator[bytes], *, pretty: bool) -> None:
    """Write one member of the tree whose value is a list, a record a line where it is compact."""
    file.write(b",\n  " if pretty else b",\n")
    file.write(_encode(name) + (b": [" if pretty else b":["))
    separator, end = b"\n", b""
    for record in records:
        file.write(separator + (b"    " if pretty else b""))
        file.write(_laid_out(record, pretty=pretty, indent=b"    "))
        separator, end = b",\n", b"\n  " if pretty else b"\n"
    file.write(end + b"]")


def _laid_out(text: bytes, *, pretty: bool, indent: bytes) -> bytes:
    if not pretty:
        return text
    # No string holds a raw line feed, so every one stands between two tokens.
    return msgspec.json.format(text, indent=2).replace(b"\n", b"\n" + indent)
