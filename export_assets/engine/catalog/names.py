"""Where the catalogue lies, and how names and texts are written in its SQL."""

from collections.abc import Iterable

CATALOG = "catalog.duckdb"
ROOT_VARIABLE = "exports"
"""The variable of a connection that says where the exports lie, if not where they were."""

_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "system", "temp"})


def quoted(name: str) -> str:
    """Return *name* as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return *text* as a string."""
    return "'" + text.replace("'", "''") + "'"


def schema_name(source: str) -> str:
    """Return the schema of *source*: its name, unless DuckDB keeps that one for itself."""
    return f"{source}_" if source.casefold() in _SYSTEM_SCHEMAS else source


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """Return *wanted*, or something like it where a name in *taken* differs in case at most."""
    used = {name.casefold() for name in taken}
    name, number = wanted, 0
    while name.casefold() in used:
        number += 1
        name = f"{wanted}_{number}"
    return name
