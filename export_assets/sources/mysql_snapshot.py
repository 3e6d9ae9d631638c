"""One moment of a MySQL or MariaDB server."""

from collections.abc import Callable, Mapping, Sequence

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
        shape_now: Callable[[Sequence[str] | None], Shape],
    ) -> None:
        super().__init__(name, info, session, catalog)
        self._shape = dict(shape)
        self._shape_now = shape_now

    def check(self) -> None:
        """Look whether a table read since the last look has another shape than at the moment.

        Raises:
            SourceChanged: One has.
        """
        # Once looked at: a table that was read cannot change until the transaction ends, and one
        # that has changed is no matter of the next.
        read, self.read = self.read, set()
        pending = [(table, self._known(table)) for table in sorted(read)]
        plain = [known for _, known in pending if known is not None and not known.is_view]
        # What a view is made of is nowhere told by every server.
        names = [known.table for known in plain] if len(plain) == len(pending) else None
        now = self._shape_now(names)
        changed = {
            key
            for key in {*now, *self._shape}
            if (names is None or key[1] in names) and now.get(key) != self._shape.get(key)
        }
        for table, known in pending:
            if known is None or known.is_view:
                if changed:
                    others = ", ".join(sorted(name for _, name in changed))
                    msg = f"{self._name}: {table}: columns of {others} changed while it was read"
                    raise SourceChanged(msg)
            elif (known.schema or "", known.table) in changed:
                msg = f"{self._name}: {table}: its columns changed while it was read"
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
