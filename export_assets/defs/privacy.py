"""The check `privacy`: no column that looks personal leaves without somebody's decision."""

import dagster as dg

from export_assets.defs.findings import Finding
from export_assets.defs.table import TableExport
from export_assets.defs.wording import counted
from export_assets.engine.privacy import Suspect, suspects_of
from export_assets.errors import ExportError

NAME = "privacy"
DESCRIPTION = (
    "Every exported column whose name looks personal is named in `redact`, `anonymize` or "
    "`expose`. With `unclassified: refuse` nothing is exported before it is."
)


def refuses(table: TableExport) -> bool:
    """Whether the source of *table* refuses unclassified columns."""
    return table.configured.config.unclassified == "refuse"


def build_privacy_spec(table: TableExport) -> dg.AssetCheckSpec | None:
    """Return the spec of the check, None where the source allows everything."""
    if table.configured.config.unclassified == "allow":
        return None
    return dg.AssetCheckSpec(
        NAME, asset=table.key(table.formats[0]), description=DESCRIPTION, blocking=refuses(table)
    )


def severity_of(table: TableExport) -> dg.AssetCheckSeverity:
    """Return how grave a column is that nobody decided about."""
    return dg.AssetCheckSeverity.ERROR if refuses(table) else dg.AssetCheckSeverity.WARN


def judge_privacy(table: TableExport) -> Finding:
    """Look at the columns published last, or known from elsewhere where nothing is."""
    try:
        columns = _columns(table)
    except (ExportError, OSError) as error:
        return Finding(passed=False, says=str(error))
    return finding_of(suspects_of(table.configured.config, table.name, columns))


def finding_of(suspects: list[Suspect]) -> Finding:
    """Return what the check says of *suspects*."""
    figures: dict[str, dg.MetadataValue] = {"unclassified": dg.MetadataValue.int(len(suspects))}
    if not suspects:
        return Finding(passed=True, says="no unclassified column looks personal", figures=figures)
    figures["columns"] = dg.MetadataValue.text(", ".join(one.column for one in suspects))
    named = ", ".join(f"{one.column} ({one.kind})" for one in suspects)
    says = f"{counted(len(suspects), 'column')} personal by name and not classified: {named}"
    return Finding(passed=False, says=says, figures=figures)


def _columns(table: TableExport) -> dict[str, str]:
    for fmt in table.formats:
        for key in reversed(table.published_keys(fmt)):
            manifest = table.manifest(fmt, key)
            if manifest is not None:
                return {column.name: column.declared_type for column in manifest.columns}
    return {column.name: "" for column in table.shape.columns}
