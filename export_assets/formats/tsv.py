"""TSV: CSV with tabs, under a name and an ending of its own."""

from typing import Final

from export_assets.errors import UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.csv import CsvFormat

_TAB: Final = "\t"


class TsvFormat(CsvFormat):
    """One TSV file per part: `.tsv`, `.tsv.gz` or `.tsv.zst`, quoted as CSV is."""

    name = "tsv"
    kind = "tsv"
    delimiter = _TAB

    def check_options(self, options: FormatOptions) -> None:
        """Refuse any other delimiter, and what CSV refuses.

        Raises:
            UsageError: An option cannot be honoured.
        """
        super().check_options(options)
        if options.delimiter not in {None, _TAB}:
            msg = f"delimiter: tsv is parted by tabs, not by {options.delimiter!r}; use csv"
            raise UsageError(msg)
