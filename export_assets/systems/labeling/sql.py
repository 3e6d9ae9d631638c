"""SELECT statements over the four entities, whatever columns a file has of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from export_assets.errors import UsageError
from export_assets.formats.nesting.layout import PARENT, POSITION
from export_assets.sources.sql import alias, quote

PROJECTS, DATASETS, IMAGES, ANNOTATIONS = ENTITIES = (
    "projects",
    "datasets",
    "images",
    "annotations",
)
ABOVE = {
    DATASETS: (PROJECTS, "project_id"),
    IMAGES: (DATASETS, "dataset_id"),
    ANNOTATIONS: (IMAGES, "image_id"),
}
_BY = {
    PROJECTS: "created_at",
    DATASETS: "created_at",
    IMAGES: "filename",
    ANNOTATIONS: "created_at",
}
_DEFAULTS = {"split_section": "'train'"}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One column of a statement."""

    sql: str
    name: str
    origin: tuple[str, str] | None = None
    """The table and the column it shows."""


@dataclass(frozen=True, kw_only=True)
class Entities:
    """What statements are made of."""

    columns_of: Mapping[str, Sequence[str]]
    exists: str | None = None
    """The function that tells whether the file of an image is there; None where nothing does."""

    def check(self) -> None:
        """Refuse a source that is no such database.

        Raises:
            UsageError: It lacks an entity.
        """
        lacks = [name for name in ENTITIES if not self.columns_of.get(name)]
        if lacks:
            msg = f"{', '.join(lacks)}: source has no such table, and a set needs it"
            raise UsageError(msg)

    def column(self, table: str, name: str, shown: str | None = None, *, of: str = "t") -> Shown:
        """Return a column of *table*, null or its default where the file lacks it."""
        there = name in self.columns_of[table]
        sql = f"{of}.{quote(name)}" if there else _DEFAULTS.get(name, "null")
        return Shown(sql=sql, name=shown or name, origin=(table, name))

    def flag(self, table: str, name: str, shown: str | None = None) -> Shown:
        """Return a column as 1, 0 or null."""
        one = self.column(table, name, shown)
        return Shown(sql=f"cast({truth(one.sql)} as integer)", name=one.name, origin=one.origin)

    def word(self, table: str, name: str, shown: str) -> Shown:
        """Return a column as `Yes`, `No` or null."""
        one = self.flag(table, name, shown)
        return Shown(sql=_word(one.sql), name=shown, origin=one.origin)

    def file_exists(self, name: str, *, words: bool) -> Shown:
        """Return whether the file of an image is there."""
        if self.exists is None:
            return Shown(sql="null", name=name)
        sql = f"{self.exists}(t.file_path)"
        return Shown(sql=_word(sql) if words else f"cast({sql} as integer)", name=name)

    def every(self, table: str, *, of: str = "t") -> list[Shown]:
        """Return all columns of *table*."""
        return [self.column(table, name, of=of) for name in self.columns_of[table]]

    def order(self, table: str) -> str:
        """Return what the rows of *table* are ordered by."""
        return f"t.{quote(_BY[table])}, t.id" if _BY[table] in self.columns_of[table] else "t.id"

    def ranked(self, table: str) -> str:
        """Return a statement of the rows of *table* that hang on a project, with their places."""
        if table == PROJECTS:
            over = f"row_number() over (order by {self.order(table)})"
            places = f"select t.id as _id, {over} as {POSITION}, null as {PARENT} from {table} t"
        else:
            above, reference = ABOVE[table]
            over = f"row_number() over (order by p.{POSITION}, {self.order(table)})"
            places = (
                f"select t.id as _id, {over} as {POSITION}, p.{POSITION} as {PARENT} "
                f"from {table} t join ({self.ranked(above)}) p on p._id = t.{reference}"
            )
        # Of rows with the same id the first one has what belongs to them.
        first = f"min({POSITION}) as {POSITION}, {PARENT}"
        return f"select _id, {first} from ({places}) where _id is not null group by _id"

    def placed(self, table: str) -> tuple[list[Shown], str]:
        """Return the columns that place the rows of *table* `t`, and where they come from."""
        if table == PROJECTS:
            over = f"row_number() over (order by {self.order(table)})"
            return [Shown(sql=f"cast({over} as integer)", name=POSITION)], f"from {table} t"
        above, reference = ABOVE[table]
        over = f"row_number() over (order by p.{POSITION}, {self.order(table)})"
        shown = [
            Shown(sql=f"cast({over} as integer)", name=POSITION),
            Shown(sql=f"cast(p.{POSITION} as integer)", name=PARENT),
        ]
        return shown, f"from {table} t join ({self.ranked(above)}) p on p._id = t.{reference}"


def truth(sql: str) -> str:
    """Return whether a stored flag is set, as 1, 0 or null: of a text, whether it says so."""
    no = "'', '0', 'false', 'f', 'no', 'n', 'off'"
    said = f"typeof({sql}) = 'text' and lower(trim({sql})) in ({no})"
    number = f"when typeof({sql}) = 'text' then 1 when {sql} then 1 else 0"
    return f"case when {sql} is null then null when {said} then 0 {number} end"


LABELED = (
    ("total_images", "count(*)"),
    ("labeled_images", f"sum(case {truth('t.is_labeled')} when 1 then 1 else 0 end)"),
    ("unlabeled_images", f"sum(case {truth('t.is_labeled')} when 0 then 1 else 0 end)"),
)
"""What is counted of images; a null counts as neither."""


def counts_of(table: str) -> str:
    """Return a statement that counts the rows of *table* by what they belong to."""
    return f"select {ABOVE[table][1]} as key, count(*) as n from {table} group by {ABOVE[table][1]}"


def counts_of_images(by: str) -> str:
    """Return a statement that counts images and their annotations for each row of *by*."""
    counts = ", ".join(f"{sql} as {name}" for name, sql in LABELED)
    joined = "join datasets d on d.id = t.dataset_id " if by == PROJECTS else ""
    key = "d.project_id" if by == PROJECTS else "t.dataset_id"
    return (
        f"select {key} as key, {counts}, sum(coalesce(a.n, 0)) as annotations from images t "
        f"{joined}left join ({counts_of(ANNOTATIONS)}) a on a.key = t.id group by {key}"
    )


def summary(*, labeled: bool = False) -> str:
    """Return a statement of one row: how many rows there are of each entity."""
    totals = [f"(select count(*) from {table}) as total_{table}" for table in ENTITIES]
    if labeled:
        totals += [f"(select coalesce({sql}, 0) from images t) as {n}" for n, sql in LABELED[1:]]
    return f"select {', '.join(totals)}"


def counted(of: str, names: Iterable[tuple[str, str]]) -> list[Shown]:
    """Return counts, 0 where there is nothing to count."""
    return [
        Shown(sql=f"cast(coalesce({of}.{quote(column)}, 0) as integer)", name=shown)
        for column, shown in names
    ]


def select(shown: Sequence[Shown], rest: str) -> str:
    """Return the statement that shows *shown* of what *rest* says."""
    return f"select {', '.join(alias(one.sql, one.name) for one in shown)} {rest}"


def origins(shown: Sequence[Shown]) -> dict[str, tuple[str, str]]:
    """Return by name what each of *shown* shows."""
    return {one.name: one.origin for one in shown if one.origin is not None}


def _word(sql: str) -> str:
    return f"case {sql} when 1 then 'Yes' when 0 then 'No' end"
