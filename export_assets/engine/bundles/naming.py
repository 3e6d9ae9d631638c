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
    exporter, key = gatherer.exporter, gatherer.key
    hidden = exporter.source.config.table(gatherer.request.table).anonymize
    if not ids or set(hidden).isdisjoint(key):
        return {text: text for text in ids}
    schema = TableSchema(
        name=gatherer.request.table,
        columns=tuple(Column(name=name, logical=LogicalType.TEXT) for name in key),
    )
    redactor = Redactor(
        schema,
        redacts=lambda column: False,  # noqa: ARG005 - such a key is refused
        anonymizes=hidden,
        key=exporter.workspace.anonymize_key,
    )
    frame = typed_keys(ids, key)
    frame.columns = list(key)
    rows = redactor.apply(frame).rows()
    return {text: ",".join(map(str, row)) for text, row in zip(ids, rows, strict=True)}
