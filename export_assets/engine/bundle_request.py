"""What a person, a definition or a program asks of a relational bundle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from export_assets.config.urls import is_utf8
from export_assets.errors import UsageError

Follow = Literal["children", "parents", "both"]


@dataclass(frozen=True, kw_only=True)
class BundleRequest:
    """Which rows, which of the rows that hang on them, and where to.

    Without `output_dir` the bundle is published in the store; with it, its files are put into
    that directory.
    """

    table: str
    """The root table."""
    ids: tuple[str, ...]
    """Keys of the root rows, as typed; those of several columns are separated by commas."""
    key: tuple[str, ...] = ()
    """Columns the ids are values of; the primary key where empty."""
    follow: Follow = "children"
    """`children`: rows that refer to a row of the bundle; `parents`: rows it refers to; `both`:
    the children of all generations, and every row that any of these refers to."""
    exclude: tuple[str, ...] = ()
    """Tables that are not followed."""
    include_related: bool = True
    """False for the root rows alone."""
    depth: int | None = None
    """References followed in a row, at most; None for all."""
    formats: tuple[str, ...] = ()
    """Formats of a file per table, besides the tree."""
    output_dir: Path | None = None
    overwrite: bool = False
    """Replace files of the same name in `output_dir`; in the store, publish unchanged rows too."""
    pretty: bool = True
    """Indented JSON."""
    computed: bool = False
    """With the columns that the source's system computes."""
    lock_timeout: float = 0.0
    """Seconds to wait for a bundle that another run holds."""

    def __post_init__(self) -> None:
        """Bring the ids into one order, each once.

        Raises:
            UsageError: There is no id, one is no text, the depth is negative, or the root is
                excluded.
        """
        object.__setattr__(self, "ids", tuple(sorted(set(self.ids))))
        if not self.ids:
            msg = f"{self.table}: a bundle needs the id of a row"
            raise UsageError(msg)
        for one in self.ids:
            if not is_utf8(one):
                msg = f"{self.table}: id {one!r} is not UTF-8 text"
                raise UsageError(msg)
        if self.depth is not None and self.depth < 0:
            msg = "depth: must not be negative"
            raise UsageError(msg)
        if self.table in self.exclude:
            msg = f"exclude: {self.table} is the root of the bundle"
            raise UsageError(msg)
