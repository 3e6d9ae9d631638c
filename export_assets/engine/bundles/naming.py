"""What a published bundle is called: its partition key and its directory."""

import hashlib
from collections.abc import Sequence
from urllib.parse import quote

from export_assets.engine.bundles.gather import Gatherer
from export_assets.engine.bundles.keys import typed_keys
from export_assets.store.layout import safe_name
from export_assets.tables.redaction import Redactor
from export_assets.tables.schema import Column, LogicalType, TableSchema

_LONGEST = 120
_HEX = 12


def bundle_directory(key: Sequence[str], ids: Sequence[str], *, primary: bool) -> str:
    """Return the directory of the bundle of *ids*: `id=7`, `id=7,9`, `email=a%40b`, `ids=<hash>`.

    Args:
        key: The columns the ids are values of.
        ids: The ids in their order.
        primary: Whether those columns are the primary key, which goes by the name `id`.
    """
    what = "id" if primary else "+".join(map(safe_name, key))
    directory = f"{what}={','.join(map(encoded, ids))}"
    if len(directory) <= _LONGEST:
        return directory
    content = "\0".join((what, *ids)).encode("utf-8", "surrogatepass")
    return f"ids={hashlib.sha256(content).hexdigest()[:_HEX]}"


def encoded(text: str) -> str:
    """Return *text* as a value of a directory's name; a comma in it parts no ids."""
    return quote(text, safe="", errors="surrogatepass") if text else "%"


def shown_ids(gatherer: Gatherer, ids: Sequence[str]) -> dict[str, str]:
    """Return each of *ids* as it may be shown: its pseudonym, where its column has one."""
    exporter, table = gatherer.exporter, gatherer.request.table
    hidden = exporter.source.config.table(table).anonymize
    if not ids or set(hidden).isdisjoint(gatherer.key):
        return {text: text for text in ids}
    secret = exporter.workspace.anonymize_key
    return pseudonyms(ids, table=table, key=gatherer.key, hidden=hidden, secret=secret)


def pseudonyms(
    ids: Sequence[str],
    *,
    table: str,
    key: Sequence[str],
    hidden: Sequence[str],
    secret: bytes | None,
) -> dict[str, str]:
    """Return each of *ids*, values of the columns *key*, with those of *hidden* replaced.

    Raises:
        ConfigError: There is no key to make pseudonyms with.
    """
    columns = tuple(Column(name=name, logical=LogicalType.TEXT) for name in key)
    redactor = Redactor(
        TableSchema(name=table, columns=columns),
        redacts=lambda column: False,  # noqa: ARG005 - such a key is refused
        anonymizes=hidden,
        key=secret,
    )
    frame = typed_keys(ids, key)
    frame.columns = list(key)
    rows = redactor.apply(frame).rows()
    return {text: ",".join(map(str, row)) for text, row in zip(ids, rows, strict=True)}
