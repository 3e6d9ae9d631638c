"""What a source's YAML says of bundles: rows that are offered with all that hangs on them."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from export_assets.config.base import Model
from export_assets.config.rules import Formats

_Names = tuple[Annotated[str, Field(min_length=1)], ...]


class BundleConfig(Model):
    """The bundles of one root table: a set of files for each of its rows that somebody asks for."""

    follow: Literal["children", "parents", "both"] = "children"
    """`children`: rows that refer to a row of the bundle; `parents`: rows it refers to; `both`: the
    children of all generations, and every row that any of these refers to."""
    exclude: _Names = ()
    """Tables that are not followed."""
    depth: NonNegativeInt | None = None
    """References followed in a row, at most; without it all."""
    formats: Formats | None = None
    """Formats of a file per table, besides the tree `bundle.json`."""
    pretty: bool = True
    """Indented JSON."""
