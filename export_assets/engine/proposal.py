"""The YAML file proposed for a database: short, with a comment wherever a person may decide."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from export_assets.config.load import SourceFile, settle_source
from export_assets.config.models import EVERY_OTHER, SourceConfig
from export_assets.config.yaml_text import parse_yaml
from export_assets.engine.address import Address
from export_assets.engine.discovery import Discovery, FoundTable
from export_assets.engine.links import Link
from export_assets.engine.privacy import Suspect, suspects_of
from export_assets.engine.wording import counted
from export_assets.engine.workspace import ConfiguredSource
from export_assets.tables.schema import LogicalType

FORMATS = "parquet, csv"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*|[a-z]+://[A-Za-z0-9_./@-]+")
_RESERVED = frozenset({"null", "true", "false"})
_WIDTH = 96
_TOLD = 56


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What is proposed for one source."""

    name: str
    address: Address
    found: Discovery

    @property
    def sliced(self) -> list[FoundTable]:
        """The tables that partitions are proposed for."""
        return [table for table in self.found.tables if is_sliced(table)]

    @property
    def personal(self) -> list[Suspect]:
        """The columns that look personal, which somebody should decide about."""
        config = SourceConfig(source=self.name, url=self.address.url.text)
        return [
            suspect
            for table in self.found.tables
            for suspect in suspects_of(
                config, table.name, {one.name: one.declared for one in table.schema.columns}
            )
        ]

    def checked(self, environ: Mapping[str, str]) -> str:
        """Return the YAML file, once it was read back like every other.

        Raises:
            ConfigError: A name in the database cannot be written into a configuration.
        """
        text, shown = self.text(), f"{self.name}.yaml"
        variable = self.address.variable
        known = dict(environ) | ({variable: self.address.url.text} if variable else {})
        raw = parse_yaml(text, shown=shown)
        assert isinstance(raw, dict)  # noqa: S101 - it starts with `source:`
        settle_source(SourceFile(path=Path(shown), shown=shown, raw=raw), environ=known)
        return text

    def text(self) -> str:
        """Return the YAML file."""
        tables = self.found.tables
        rows = counted(sum(table.rows for table in tables), "row")
        lines = [
            f"# {comment(self.address.shown)}: {counted(len(tables), 'table')}, {rows}.",
            "# Every key is explained in docs/reference/configuration.md.",
            f"source: {self.name}",
            f"url: {self._url()}",
            f"formats: [{FORMATS}]",
            "tables:",
            *self._tables(),
            *self._personal(),
            *_links(self.found.links),
            "# assume_timezone: Europe/Berlin  # of times that name no zone; UTC without it",
            '# schedule: "30 1 * * *"          # when Dagster exports, in UTC',
            "# freshness: 26                   # hours after which a table counts as stale",
            "# keep: {daily: 30, monthly: 12}  # what prune keeps; all of it without this",
        ]
        return "\n".join(lines) + "\n"

    def _url(self) -> str:
        variable = self.address.variable
        return scalar(self.address.text) if variable is None else f"${{{variable}}}"

    def _tables(self) -> Iterator[str]:
        sliced = self.sliced
        for table in sliced:
            yield from _sliced(table)
        others = [table.name for table in self.found.tables if table not in sliced]
        said = f"every other table, as a whole: {', '.join(others)}" if others else "tables to come"
        yield _shortened(f'  "{EVERY_OTHER}": {{}}  # {comment(said)}')
        for name, error in self.found.unreadable.items():
            yield _shortened(f"  # {comment(name)} cannot be read: {comment(str(error))}")

    def _personal(self) -> Iterator[str]:
        found = self.personal
        if not found:
            return
        names = [suspect.column for suspect in found if can_be_written(suspect.column)]
        columns = dict.fromkeys(map(scalar, names))
        told = comment(", ".join(map(str, found)))
        yield _shortened(f"unclassified: warn  # look personal: {told}")
        rule = f"# redact: [{', '.join(columns)}]"
        # Cut short, the rule would no longer be one.
        yield rule if len(rule) > _TOLD else f"{rule}  # hides them; or anonymize, or expose"


def propose_source(name: str, address: Address, *, temp_dir: Path | None) -> ConfiguredSource:
    """Return the source called *name* at *address*, of which nothing is configured."""
    return ConfiguredSource(
        config=SourceConfig(source=name, url=address.url.text),
        url=address.url,
        system=None,
        temp_dir=temp_dir,
        ad_hoc=True,
    )


def is_sliced(table: FoundTable) -> bool:
    """Whether partitions are proposed for *table*."""
    if table.time is None or table.time.every is None:
        return False
    # A table called * cannot be told from the key that stands for every other.
    return table.name != EVERY_OTHER and can_be_written(table.name + table.time.column)


def can_be_written(name: str) -> bool:
    """Whether *name* is text that YAML can hold; a database may hold bytes that are none."""
    return not any("\ud800" <= char <= "\udfff" for char in name)


def _sliced(table: FoundTable) -> Iterator[str]:
    time = table.time
    assert time is not None  # noqa: S101 - `is_sliced` said so
    column, start = scalar(time.column), f"{time.first:%Y-%m-%d}"
    rules = {"partition_by": f"{{column: {column}, every: {time.every}, start: {start}}}"}
    if time.encoding is not None:
        kind = f"{{type: {LogicalType.TIMESTAMP}, encoding: {time.encoding}}}"
        rules["types"] = f"{{{scalar(time.column, key=True)}: {kind}}}"
    name = scalar(table.name, key=True)
    line = f"  {name}: {{{', '.join(f'{key}: {rule}' for key, rule in rules.items())}}}"
    said = f"  # {counted(table.rows, 'row')}"
    if len(line + said) <= _WIDTH:
        yield line + said
        return
    yield f"  {name}:{said}"
    yield from (f"    {key}: {rule}" for key, rule in rules.items())


def _links(links: Sequence[Link]) -> Iterator[str]:
    said = [link for link in links if can_be_configured(link)]
    if said:
        yield "# relations:  # not declared, and every value is found; checked in Dagster"
    for link in said:
        child = scalar(f"{link.table}.{link.column}")
        yield f"#   - {{from: {child}, to: {scalar(f'{link.ref_table}.{link.ref_column}')}}}"


def can_be_configured(link: Link) -> bool:
    """Whether `table.column` names both ends: the last dot parts them."""
    ends = (link.table, link.column, link.ref_table, link.ref_column)
    columns = link.column + link.ref_column
    return all(end.isprintable() and end for end in ends) and "." not in columns


def scalar(text: str, *, key: bool = False) -> str:
    """Return *text* as YAML reads it back, wherever it stands; a *key* is never expanded."""
    text = text if key else text.replace("${", "$${")
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in {'"', "\\"}:
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def comment(text: str) -> str:
    """Return *text* on one line, as a comment can hold it."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _shortened(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 2]} …"
