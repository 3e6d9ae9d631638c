"""The checks `schema`, `completeness` and `integrity`: a partition against its own record."""

import dagster as dg

from export_assets.defs.findings import MOST_LISTED, Finding, table_of
from export_assets.defs.published import read_published
from export_assets.defs.subject import Subject
from export_assets.defs.wording import counted
from export_assets.engine.published import carried_schema
from export_assets.formats.registry import format_named
from export_assets.store.manifest import Manifest
from export_assets.store.verify import verify_partition
from export_assets.tables.digest import DigestBuilder

_MOST_DIGESTS = 200


def judge_schema(subject: Subject, manifest: Manifest) -> Finding:
    """Compare the columns published with those the configuration promises."""
    config = subject.table.configured.config
    if manifest.config_hash != subject.table.code_version(subject.format):
        return Finding(passed=False, says="published under another configuration; export it again")
    found = {column.name: column.logical_type for column in manifest.columns}
    different: dict[str, tuple[str, str]] = {
        name: (found[name], kind.type)
        for name, kind in config.types_of(subject.table.name).items()
        if name in found and found[name] != kind.type
    }
    wrong = [f"{name} is {have}, promised {want}" for name, (have, want) in different.items()]
    rules = config.table(subject.table.name)
    promised = [name for name in rules.columns or () if name not in rules.exclude_columns]
    if rules.columns is not None and list(found) != promised:
        wrong.append(f"columns are {', '.join(found)}")
        different |= {name: ("missing", "") for name in promised if name not in found}
        different |= {name: (found[name], "none") for name in found if name not in promised}
    expected = {column.name: column.type for column in subject.table.shape.columns}
    drift = sorted(
        name
        for name in expected.keys() | found.keys()
        if expected and expected.get(name) != found.get(name)
    )
    figures: dict[str, dg.MetadataValue] = {"columns": dg.MetadataValue.int(len(found))}
    if drift:
        figures["changed_columns"] = dg.MetadataValue.text(", ".join(drift[:MOST_LISTED]))
    if different:
        figures["different_columns"] = table_of(
            {"column": "", "published": "Its type.", "promised": "Its type in the configuration."},
            ((name, have, want) for name, (have, want) in different.items()),
        )
    says = "; ".join(wrong) if wrong else f"{counted(len(found), 'column')} as promised"
    if drift:
        says += f"; changed since these definitions were loaded: {', '.join(drift[:MOST_LISTED])}"
    return Finding(passed=not wrong, says=says, figures=figures)


def judge_completeness(subject: Subject, manifest: Manifest) -> Finding:
    """Compare rows and digests of columns with those of the snapshot.

    The run that wrote them has done so before it published; without one they are read again.
    """
    figures: dict[str, dg.MetadataValue] = {
        "rows": dg.MetadataValue.int(manifest.counters.exported),
        "rows_in_files": dg.MetadataValue.int(manifest.rows),
        "digest_algorithm": dg.MetadataValue.text(manifest.digest_algorithm),
        "column_digests": dg.MetadataValue.json(
            {column.name: column.digest for column in manifest.columns[:_MOST_DIGESTS]}
        ),
    }
    came, written = manifest.counters.exported, counted(manifest.rows, "row")
    if manifest.rows != came:
        says = f"{counted(came, 'row')} came in, the files hold {manifest.rows}"
        return Finding(passed=False, says=says, figures=figures)
    if subject.record is not None:
        return Finding(passed=True, says=f"{written} in, all written", figures=figures)
    builder = DigestBuilder(carried_schema(manifest))
    for batch in read_published(subject.table, manifest):
        builder.update(batch)
    found = builder.digest(finite=not format_named(subject.format).carries_nonfinite)
    different = [
        column
        for column in manifest.columns
        # A value the format cannot carry reads back as another one; the manifest counts those.
        if column.fidelity == "exact" and found.columns.get(column.name) != column.digest
    ]
    if found.rows == manifest.rows and not different:
        return Finding(passed=True, says=f"{written} read back as written", figures=figures)
    figures["rows_read"] = dg.MetadataValue.int(found.rows)
    if different:
        figures["different_columns"] = table_of(
            {"column": "", "recorded": "Digest in the manifest.", "found": "Digest of the files."},
            ((one.name, one.digest, found.columns.get(one.name)) for one in different),
        )
    named = ", ".join(column.name for column in different[:MOST_LISTED]) or "none"
    says = f"{counted(found.rows, 'row')} read back; different: {named}"
    return Finding(passed=False, says=says, figures=figures)


def judge_integrity(subject: Subject, manifest: Manifest) -> Finding:
    """Compare the files with their hashes."""
    findings = verify_partition(subject.table.partition_path(subject.format, subject.key))
    figures: dict[str, dg.MetadataValue] = {
        "files": dg.MetadataValue.int(len(manifest.files)),
        "bytes": dg.MetadataValue.int(manifest.bytes),
        "findings": dg.MetadataValue.int(len(findings)),
    }
    if findings:
        figures["different_files"] = table_of(
            {"file": "", "what": "In what it differs from the manifest."},
            ((finding.path.name, finding.problem) for finding in findings),
        )
    says = "; ".join(finding.message for finding in findings[:MOST_LISTED])
    return Finding(passed=not findings, says=says or "files are as recorded", figures=figures)
