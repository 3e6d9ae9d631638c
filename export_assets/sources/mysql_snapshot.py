"""One moment of a MySQL or MariaDB server."""

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from export_assets.errors import SourceChanged
from export_assets.sources.base import Consistency, SnapshotInfo
from export_assets.sources.mysql_fields import result_columns
from export_assets.sources.mysql_stamp import TRANSACTIONAL
from export_assets.sources.mysql_types import nature
from export_assets.sources.sqlalchemy_catalog import Catalog, CatalogColumn, CatalogTable
from export_assets.sources.sqlalchemy_reading import Nature
from export_assets.sources.sqlalchemy_session import Session
from export_assets.sources.sqlalchemy_snapshot import ServerSnapshot
from export_assets.sources.sqlalchemy_statement import Relation, everything, table_relation

Shape = Mapping[tuple[str, str], str]


class MySqlSnapshot(ServerSnapshot):
    """A consistent read; tables of other engines than InnoDB are read as they are meanwhile."""

    def __init__(
        self,
        name: str,
        info: SnapshotInfo,
        session: Session,
        catalog: Catalog,
        *,
        shape: Shape,
        shape_now: Callable[[], Shape],
    ) -> None:
        super().__init__(name, info, session, catalog)
        self._shape = dict(shape)
        self._shape_now = shape_now

    def check(self) -> None:
        """Look whether a table read so far has another shape now than when the moment began.

        Raises:
            SourceChanged: One has.
        """
        now = dict(self._shape_now())
        if now == self._shape:
            return
        changed = {key for key in {*now, *self._shape} if now.get(key) != self._shape.get(key)}
        for table in sorted(self.read):
            known = self._known(table)
            plain = known is not None and not known.is_view
            # What a view is made of is nowhere told by every server.
            if plain and known is not None and (known.schema or "", known.table) not in changed:
                continue
            others = ", ".join(sorted(table for _, table in changed))
            what = "its columns were" if plain else f"columns were (of {others})"
            msg = f"{self._name}: {table}: {what} changed while it was read"
            raise SourceChanged(msg)

    def consistency_of(self, table: str) -> Consistency:
        """See `Snapshot.consistency_of`; a view is as good as the worst table it may read."""
        known = self._known(table)
        if known is not None and not known.is_view:
            return "snapshot" if known.engine.lower() in TRANSACTIONAL else "none"
        return self.info.consistency

    def nature(self, column: CatalogColumn) -> Nature:
        """See `ServerSnapshot.nature`."""
        return nature(column.declared)

    def load(self, known: CatalogTable) -> None:
        """Ask for the columns only where the catalogue, read as a whole, has none.

        Raises:
            ExportError: What keeps the server from knowing them: a view of what is gone.
        """
        if not known.columns:
            relation = table_relation(known.schema, known.table)
            known.columns.update(self.columns_of(relation))

    def columns_of(self, relation: Relation) -> dict[str, CatalogColumn]:
        """See `ServerSnapshot.columns_of`."""
        return self._session.result(everything(relation), result_columns)


def overall(catalog: Catalog) -> Consistency:
    """Return what holds for every table of *catalog*."""
    engines = {one.engine.lower() for one in catalog.values() if not one.is_view}
    if engines <= TRANSACTIONAL:
        return "snapshot"
    return "best-effort" if engines & TRANSACTIONAL else "none"


START = (
    "set session transaction isolation level repeatable read",
    "start transaction with consistent snapshot, read only",
)
"""What begins the moment."""


def begin(connection: sa.Connection) -> None:
    """Let *connection* see one moment from now on."""
    for statement in START:
        connection.exec_driver_sql(statement)
