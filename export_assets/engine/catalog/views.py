"""The views of a catalogue: one per published table, in a schema per source."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from export_assets.engine.catalog.names import (
    ROOT_VARIABLE,
    free_name,
    literal,
    quoted,
    schema_name,
)
from export_assets.engine.catalog.reading import (
    FORMATS_READ,
    Reading,
    is_readable,
    reading_of,
    refusal,
    respells,
)
from export_assets.engine.catalog.seen import Partition, SeenExport, SeenView
from export_assets.engine.catalog.slices import Slicing, is_undated, slicing_of
from export_assets.engine.catalog.types import common_type
from export_assets.store.manifest import BUNDLE, SET

_NO_TABLES = {
    BUNDLE: "bundles are rows of several tables",
    SET: "a set is files of one moment and no table",
}
"""Why what is published in place of a format is not read."""
_UNNAMED = "unnamed"
"""What a column is called that has no name, which DuckDB does not allow."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One published table as a view."""

    schema: str
    name: str
    export: str
    """The directory it reads, below the root."""
    files: tuple[str, ...]
    """What it reads there."""
    query: str

    @property
    def title(self) -> str:
        """The view as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def statement(self) -> str:
        """The statement that makes it."""
        return f"CREATE VIEW {quoted(self.schema)}.{quoted(self.name)} AS {self.query}"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """All views, and what is published without one."""

    views: tuple[View, ...]
    left_out: tuple[str, ...]

    def made(self, refused: Mapping[str, str]) -> tuple[tuple[SeenView, ...], tuple[str, ...]]:
        """Return the views there are, and what has none, when DuckDB *refused* some by title."""
        views = tuple(
            SeenView(schema=one.schema, name=one.name, export=one.export, files=one.files)
            for one in self.views
            if one.title not in refused
        )
        told = (f"{title}: no view, {reason}" for title, reason in refused.items())
        return views, (*self.left_out, *told)


@dataclass(frozen=True, kw_only=True)
class _Export:
    """What of one export is read: the partitions of one slicing."""

    directory: str
    seen: SeenExport
    partitions: tuple[Partition, ...]
    slicing: Slicing

    @property
    def table(self) -> str:
        """The table's directory."""
        return self.directory.rpartition("/")[0]

    @property
    def title(self) -> str:
        """The table as people write it."""
        shape = self.seen.shapes[0]
        return f"{schema_name(shape.source)}.{shape.table}"

    @property
    def format(self) -> str:
        return self.seen.shapes[0].format

    @property
    def refusal(self) -> str | None:
        used = dict.fromkeys(one.shape for one in self.partitions)
        reasons = (refusal(self.seen.shapes[number]) for number in used)
        return next((f"{self.format}: {reason}" for reason in reasons if reason), None)

    @property
    def respells(self) -> bool:
        return any(respells(shape) for shape in self.seen.shapes)


def plan_views(root: str, seen: Mapping[str, SeenExport]) -> Planned:
    """Decide which views there are over what was *seen*, with the *root* they read by default."""
    tables: dict[str, list[_Export]] = {}
    others: list[_Export] = []
    left_out = [one.remark for export in seen.values() for one in export.partitions if one.remark]
    for directory, export in seen.items():
        chosen = _newest_slicing(directory, export)
        if chosen is not None and is_readable(chosen.format):
            tables.setdefault(chosen.table, []).append(chosen)
        elif chosen is not None and chosen.format in _NO_TABLES:
            others.append(chosen)
    views: list[View] = []
    for exports in tables.values():
        best, reasons = _best(exports)
        shape = exports[0].seen.shapes[0]
        if best is None:
            left_out.append(f"{shape.source}.{shape.table}: no view, {'; '.join(reasons)}")
            continue
        schema = schema_name(shape.source)
        taken = [one.name for one in views if one.schema.casefold() == schema.casefold()]
        name = shape.table
        if name.casefold() in {one.casefold() for one in taken}:
            name = free_name(best.directory.split("/")[1], taken)
        views.append(_view(root, schema, name, best))
    left_out += [
        f"{one.title}: no view, {_NO_TABLES[one.format]}"
        for one in others
        if one.table not in tables
    ]
    return Planned(views=tuple(views), left_out=tuple(left_out))


def _newest_slicing(directory: str, export: SeenExport) -> _Export | None:
    """Return the partitions that are sliced as the one published last; others repeat its rows."""
    shown = [one for one in export.partitions if one.shape >= 0]
    if not shown:
        return None
    last = max(shown, key=lambda one: one.created)
    slicing = slicing_of(last.name)
    return _Export(
        directory=directory,
        seen=export,
        partitions=tuple(one for one in shown if slicing_of(one.name) == slicing),
        slicing=slicing,
    )


def _best(exports: Sequence[_Export]) -> tuple[_Export | None, list[str]]:
    """Return the export of a table to read, and why the others cannot be.

    It is the first by format of those that hold most partitions; one whose text comes out in
    another spelling only where there is no other.
    """
    reasons = [one.refusal for one in exports]
    readable = [one for one, reason in zip(exports, reasons, strict=True) if reason is None]
    most = max((len(one.partitions) for one in readable), default=0)
    whole = sorted(
        (one for one in readable if len(one.partitions) == most),
        key=lambda one: (one.respells, FORMATS_READ.index(one.format)),
    )
    return (whole[0] if whole else None), [reason for reason in reasons if reason is not None]


def _view(root: str, schema: str, name: str, export: _Export) -> View:
    groups = _groups(export)
    readings = {number: reading_of(export.seen.shapes[number]) for number, _ in groups}
    # Columns of the partition published last come first: it is what the table is like now.
    order = sorted(export.partitions, key=lambda one: -one.created)
    kinds: dict[str, list[str]] = {}
    for number in dict.fromkeys(one.shape for one in order):
        for column, (_, kind) in _reading(readings, export, number).columns.items():
            kinds.setdefault(column, []).append(kind)
    types = {column: common_type(found) for column, found in kinds.items()}
    titles = _titles(types)
    path = None
    if export.slicing.name:
        wanted = export.slicing.name
        clash = wanted.casefold() in {one.casefold() for one in titles.values()}
        path = free_name(f"partition_{wanted}" if clash else wanted, titles.values())
    selects = []
    for (number, _), files in groups.items():
        reading = readings[number]
        values = [
            f"{_value(reading.columns.get(column), kind)} AS {quoted(titles[column])}"
            for column, kind in types.items()
        ]
        if path is not None:
            value = export.slicing.value(reading.path, export=export.directory, files=files)
            values.append(f"{value} AS {quoted(path)}")
        listed = _listed(root, export.directory, files)
        rows = reading.call(listed)
        selects.append(f"SELECT {', '.join(values)} FROM {rows}")  # noqa: S608 - all quoted
    if not selects:
        values = [f"cast(NULL AS {kind}) AS {quoted(titles[name])}" for name, kind in types.items()]
        selects.append(f"SELECT {', '.join(values)} WHERE false")
    return View(
        schema=schema,
        name=name,
        export=export.directory,
        files=tuple(file for files in groups.values() for file in files),
        query=" UNION ALL ".join(selects),
    )


def _reading(readings: dict[int, Reading], export: _Export, number: int) -> Reading:
    return readings.get(number) or reading_of(export.seen.shapes[number])


def _groups(export: _Export) -> dict[tuple[int, bool], list[str]]:
    """Return the files that are read together: of one shape, all with a value in their path."""
    groups: dict[tuple[int, bool], list[str]] = {}
    for one in export.partitions:
        files = groups.setdefault((one.shape, is_undated(one.name)), [])
        files += [f"{one.name}/{file}" for file in one.files]
    return {key: files for key, files in groups.items() if files}


def _titles(columns: Iterable[str]) -> dict[str, str]:
    """Return what each column is called in a view, where case makes no difference."""
    titles: dict[str, str] = {}
    for column in columns:
        titles[column] = free_name(column or _UNNAMED, titles.values())
    return titles


def _value(found: tuple[str, str] | None, kind: str) -> str:
    if found is None:
        return f"cast(NULL AS {kind})"
    value, own = found
    return value if own == kind else f"cast({value} AS {kind})"


def _listed(root: str, export: str, files: Sequence[str]) -> str:
    names = ", ".join(literal(file) for file in files)
    start = f"coalesce(getvariable('{ROOT_VARIABLE}'), {literal(root)}) || {literal(f'/{export}/')}"
    return f"list_transform([{names}], lambda name: {start} || name)"
