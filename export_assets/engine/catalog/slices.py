"""The column of a view that names each row's partition, made of the file's path.

It is an expression over the path that DuckDB computes per file before it opens any: a condition on
it decides which files are read. Not DuckDB's own `hive_partitioning`, which takes all `name=value`
in a path for a column, those of directories above the exports included, and puts them in the place
of columns of the table.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from export_assets.engine.catalog.names import literal
from export_assets.engine.catalog.types import TEXT

_WIDTHS = {"hour": 13, "day": 10, "month": 7, "year": 4}
"""Characters of what stands after `=`."""
_TYPES = {"hour": "TIMESTAMP WITH TIME ZONE", "day": "DATE", "month": TEXT, "year": "INTEGER"}
_DECODED = {
    "hour": "cast(replace({}, 'T', ' ') || ':00:00+00' AS TIMESTAMP WITH TIME ZONE)",
    "day": "cast({} AS DATE)",
    "month": "{}",
    "year": "cast({} AS INTEGER)",
}
_UNDATED = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, kw_only=True)
class Slicing:
    """How the partitions of an export are named."""

    name: str
    """What stands before `=`; empty where the table is one partition."""

    @property
    def type(self) -> str:
        """The type of the column."""
        return _TYPES.get(self.name, TEXT)

    def value(self, path: str, *, export: str, files: Sequence[str]) -> str:
        """Return the expression of the column.

        Args:
            path: The column that holds the path.
            export: The export's directory below the root.
            files: The files read, below that directory; all dated, or none.
        """
        if files[0].startswith(f"{self.name}={_UNDATED}/"):
            return f"cast(NULL AS {self.type})"
        lengths = {len(file) for file in files}
        width = _WIDTHS.get(self.name)
        if width is not None and len(lengths) == 1:
            # Counted from the end, whatever the root is called: a third of the time.
            text = f"substr({path}, -{lengths.pop() - len(self.name) - 1}, {width})"
            return _DECODED[self.name].format(text)
        pattern = f"/{re.escape(export)}/{re.escape(self.name)}=([^/]*)/"
        text = f"regexp_extract({path}, {literal(pattern)}, 1)"
        return _DECODED.get(self.name, "url_decode({})").format(text)


def slicing_of(directory: str) -> Slicing:
    """Return the slicing that the partition *directory* belongs to."""
    name, equals, _ = directory.partition("=")
    return Slicing(name=name if equals else "")


def is_undated(directory: str) -> bool:
    """Whether *directory* holds the rows without a value to slice by."""
    return directory.endswith(f"={_UNDATED}")
