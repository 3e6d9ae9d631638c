"""Lines that are the objects somebody logged, with members of ours before their own.

{"_schema_version":"1.0.0","_exported_at":…,"_source_file":…, then the members of the object}

What follows our members is the object's own text, sign by sign, so that reading gives it back. Its
members called like ours go, and are counted. `_exported_at` is the latest value of the column
`as_of` in the file: the same for all lines, and for equal rows always the same. Since it is known
only when all rows are, lines are kept beside until then.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import polars as pl

from export_assets.errors import ContractViolation, IntegrityError, UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.findings import NOT_IN_LINES, OURS_WON, RESPACED
from export_assets.formats.json_members import objects_on_one_line, without_members
from export_assets.formats.json_text import all_json
from export_assets.formats.record_reader import RecordDecoder
from export_assets.formats.records import RecordEncoder
from export_assets.formats.schema_header import Header, check_readable, version_of
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Fidelity, LogicalType, TableSchema

VERSION, MOMENT = "_schema_version", "_exported_at"

_encode = msgspec.json.Encoder().encode
_FIRST = re.compile(rb'\{"_schema_version":"([^"\\]*)","_exported_at":("[^"\\]*"|null)')
_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^,"{}\[\]\s]+)'
_NOT_BESIDE = frozenset({LogicalType.JSON, LogicalType.NESTED})


@dataclass(frozen=True)
class LoggedLines:
    """How rows of one table become such lines."""

    schema: TableSchema
    options: FormatOptions

    @property
    def column(self) -> str:
        """The column of objects.

        Raises:
            UsageError: None is named, or it holds something else.
        """
        name = self.options.members_of
        if name is None:
            msg = "members_of: is missing; profile logged needs to know which column is the lines"
            raise UsageError(msg)
        self._check("members_of", name)
        if self.schema.column(name).logical is not LogicalType.JSON:
            kind = self.schema.column(name).logical
            msg = f"members_of: {self.schema.name}.{name} is {kind}, lines need JSON objects"
            raise UsageError(msg)
        return name

    @property
    def stamps(self) -> tuple[str, ...]:
        """The columns before the object's members.

        Raises:
            UsageError: There is no such column, or its values are no plain ones.
        """
        for name in self.options.stamps:
            self._check("stamps", name)
            if self.schema.column(name).logical in _NOT_BESIDE:
                msg = f"stamps: {self.schema.name}.{name} is {self.schema.column(name).logical}, "
                raise UsageError(msg + "which cannot stand before an object's members")
        return self.options.stamps

    @property
    def carried(self) -> TableSchema:
        """The columns that the lines hold."""
        return self.schema.select((*self.stamps, self.column))

    @property
    def beside(self) -> TableSchema:
        """The columns before the object's members, called as they are there."""
        columns = (self.schema.column(name) for name in self.stamps)
        renamed = tuple(replace(column, name=f"_{column.name}") for column in columns)
        return TableSchema(name=self.schema.name, columns=renamed)

    @property
    def ours(self) -> frozenset[str]:
        """Names of our members."""
        return frozenset({VERSION, MOMENT, *self.beside.names})

    def rows(self, batch: Batch) -> tuple[Batch, int, int]:
        """Return what lines hold of *batch*, and how many objects were respaced, and cut.

        Raises:
            ContractViolation: A value is no object.
        """
        frame, name = batch.frame, self.column
        try:
            objects, respaced = objects_on_one_line(frame.get_column(name))
        except ValueError as error:
            msg = f"{self.schema.name}.{name}: {error} no JSON object, which a line must be"
            raise ContractViolation(msg) from error
        objects, cut = without_members(objects, self.ours, lambda *_: True)
        columns = [frame.get_column(one) for one in self.stamps]
        return Batch(pl.DataFrame([*columns, objects])), respaced, cut

    def _check(self, option: str, name: str) -> None:
        if name not in self.schema.names:
            msg = f"{option}: {self.schema.name} has no column {name}"
            raise UsageError(msg)


class LoggedEncoder:
    """Turns rows into lines, counting what these cannot hold."""

    def __init__(self, schema: TableSchema, options: FormatOptions) -> None:
        self._lines = LoggedLines(schema, options)
        self._beside = self._lines.beside
        self._encoder = RecordEncoder(self._beside)
        self._version = version_of(options)
        self._rows = self._respaced = self._cut = 0
        self._column = self._lines.column

    def ends(self, batch: Batch) -> bytes:
        """Return the lines of *batch* without what `start` gives."""
        held, respaced, cut = self._lines.rows(batch)
        self._rows, self._respaced, self._cut = (
            self._rows + batch.rows, self._respaced + respaced, self._cut + cut
        )  # fmt: skip
        tails = held.frame.get_column(self._column).str.strip_prefix("{").alias("tail")
        parts = [tails]
        if self._beside.columns:
            frame = held.frame.select(self._lines.stamps)
            heads = self._encoder.objects(frame.rename(_renamed(self._lines.stamps)))
            parts.append(heads.str.strip_prefix("{").str.strip_suffix("}\n").alias("head"))
        empty = pl.col("tail").str.strip_chars(" \t") == "}"
        between = pl.when(empty).then(pl.lit("")).otherwise(pl.lit(","))
        pieces = [pl.lit(","), pl.col("head")] if self._beside.columns else []
        line = pl.concat_str([*pieces, between, pl.col("tail"), pl.lit("\n")])
        return "".join(pl.DataFrame(parts).select(line).to_series().to_list()).encode()

    def start(self, moment: str | None) -> bytes:
        """Return what every line of the file begins with."""
        return b'{"_schema_version":%b,"_exported_at":%b' % (
            _encode(self._version), _encode(moment)
        )  # fmt: skip

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Return per column what the lines do not hold, or not as it was."""
        found = {
            name.removeprefix("_"): verdict for name, verdict in self._encoder.fidelity().items()
        }
        for name in self._lines.schema.names:
            if name not in self._lines.carried.names:
                found[name] = Fidelity(verdict="lossy", reason=NOT_IN_LINES, count=self._rows)
        for reason, count in ((RESPACED, self._respaced), (OURS_WON, self._cut)):
            if count:
                found[self._column] = Fidelity(verdict="lossy", reason=reason, count=count)
        return found


class LoggedDecoder:
    """Turns lines of one file back into what they hold."""

    def __init__(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        *,
        header: Header | None,
        strict: bool,
    ) -> None:
        self._name = path.name
        self._lines = LoggedLines(schema, options)
        self._header = header
        self._strict = strict
        self._start: bytes | None = None
        self._decoder = RecordDecoder(path, self._lines.beside, strict=strict)
        keys = [pl.escape_regex(_encode(name).decode()) for name in self._lines.beside.names]
        self._heads = ",".join(f"{key}:{_VALUE}" for key in keys)

    def batch(self, run: bytes) -> Batch:
        """Return what the lines *run*, each ended by a line feed, hold.

        Raises:
            IntegrityError: A line is none of this table's, or of another export.
        """
        start = self._start = self._start or self._first(run)
        try:
            lines = pl.Series(run.split(b"\n")[:-1], dtype=pl.Binary).cast(pl.String)
        except pl.exceptions.PolarsError as error:
            msg = f"{self._name}: is not UTF-8"
            raise IntegrityError(msg) from error
        text = start.decode()
        if not lines.str.starts_with(text).all():
            msg = f"{self._name}: a line does not begin like the first"
            raise IntegrityError(msg)
        rest = lines.str.strip_prefix(text)
        columns: list[pl.Series] = []
        if self._heads:
            found = rest.str.extract_groups(rf"^,({self._heads})(.*)$").struct.unnest()
            heads, rest = found.to_series(0), found.to_series(1)
            if heads.has_nulls():
                msg = f"{self._name}: a line lacks a member before the object's own"
                raise IntegrityError(msg)
            members = "".join(f"{{{head}}}\n" for head in heads).encode()
            frame = self._decoder.batch(members, members).frame
            columns = list(frame.rename({f"_{one}": one for one in self._lines.stamps}))
        return Batch(pl.DataFrame([*columns, self._objects(rest)]))

    def _objects(self, rest: pl.Series) -> pl.Series:
        more = rest.str.starts_with(",")
        if not (more | (rest.str.strip_chars(" \t") == "}")).all():
            msg = f"{self._name}: a line is no JSON object"
            raise IntegrityError(msg)
        objects = ("{" + rest.str.strip_prefix(",")).alias(self._lines.column)
        if self._strict and not all_json(objects.to_list()):
            msg = f"{self._name}: a line is no JSON object"
            raise IntegrityError(msg)
        return objects

    def _first(self, run: bytes) -> bytes:
        found = _FIRST.match(run)
        if found is None:
            msg = f"{self._name}: the first line does not begin with {VERSION} and {MOMENT}"
            raise IntegrityError(msg)
        version, moment = found[1].decode(), msgspec.json.decode(found[2])
        check_readable(version, file=self._name)
        if self._header is not None and Header(version=version, moment=moment) != self._header:
            msg = f"{self._name}: the lines are not those that the first line describes"
            raise IntegrityError(msg)
        return found[0]


def _renamed(stamps: tuple[str, ...]) -> dict[str, str]:
    return {name: f"_{name}" for name in stamps}
