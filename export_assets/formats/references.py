"""Foreign keys between the tables of one database file, in the names that they have there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from export_assets.formats.definition import Definition, distinct
from export_assets.formats.joining import Parts
from export_assets.tables.schema import ForeignKey


def references(parts: Parts, made: Mapping[str, Definition]) -> dict[str, list[ForeignKey]]:
    """Return by table the foreign keys whose columns, and those they refer to, are in the file.

    Args:
        parts: The tables.
        made: How each is made, its columns in the order of the part's schema.
    """
    return {name: list(dict.fromkeys(_references(name, parts, made))) for name in parts}


def _references(table: str, parts: Parts, made: Mapping[str, Definition]) -> Iterator[ForeignKey]:
    # A database takes names in any case, and what it declares may be written otherwise.
    others = {name.casefold(): name for name in reversed(list(parts))}
    for key in parts[table].schema.foreign_keys:
        other = key.ref_table if key.ref_table in parts else others.get(key.ref_table.casefold())
        if other is None or len(key.columns) != len(key.ref_columns):
            continue
        columns = _called(key.columns, parts[table].schema.names, made[table])
        targets = _called(key.ref_columns, parts[other].schema.names, made[other])
        if columns and targets:
            yield ForeignKey(columns=columns, ref_table=made[other].name, ref_columns=targets)


def _called(columns: Sequence[str], names: Sequence[str], made: Definition) -> tuple[str, ...]:
    """Return what *columns* are called in the database; nothing where one is missing."""
    exact = dict(zip(names, made.types, strict=True))
    loose = {name.casefold(): called for name, called in reversed(exact.items())}
    found = [exact.get(name) or loose.get(name.casefold()) for name in columns]
    return tuple(name for name in found if name is not None) if None not in found else ()


def leading(
    keys: Mapping[str, Sequence[ForeignKey]],
    made: Mapping[str, Definition],
    is_unique: Callable[[str, Sequence[str]], bool],
) -> tuple[dict[str, list[ForeignKey]], dict[str, Definition]]:
    """Return the foreign keys that lead to one row each, and the tables with what they lead to.

    Databases take references to nothing but keys: what is no primary key, and in no two rows the
    same, becomes one. *is_unique* tells so of the columns of a table.
    """
    tables = {one.name: name for name, one in made.items()}
    kept: dict[str, list[ForeignKey]] = {name: [] for name in made}
    keyed = dict(made)
    for name, found in keys.items():
        for key in found:
            other = tables[key.ref_table]
            target = keyed[other]
            known = set(key.ref_columns) == set(target.primary_key)
            if not known and key.ref_columns not in target.unique:
                if not is_unique(other, key.ref_columns):
                    continue
                unique = (*target.unique, key.ref_columns)
                keyed[other] = replace(target, unique=unique)
            kept[name].append(key)
    return kept, keyed


def indexes(made: Mapping[str, Definition]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield an index over the columns of each foreign key: its name, its table, its columns.

    None where the primary key begins with them: such a key is an index already.
    """
    wanted = {
        (table.name, key.columns): f"{table.name}_{'_'.join(key.columns)}_index"
        for table in made.values()
        for key in table.foreign_keys
        if table.primary_key[: len(key.columns)] != key.columns
    }
    # Indexes and tables share their names.
    taken = [table.name for table in made.values()]
    names = distinct([*taken, *wanted.values()], stand_in="index")[len(taken) :]
    for (table, columns), name in zip(wanted, names, strict=True):
        yield name, table, columns


def in_order(keys: Mapping[str, Sequence[ForeignKey]], made: Mapping[str, Definition]) -> list[str]:
    """Return the tables such that each follows those it refers to; circles are cut somewhere."""
    left = {name: {key.ref_table for key in keys[name]} for name in keys}
    done: list[str] = []
    while left:
        waiting = {made[name].name for name in left}
        free = [name for name, others in left.items() if not others & waiting - {made[name].name}]
        for name in free or [next(iter(left))]:
            done.append(name)
            del left[name]
    return done
