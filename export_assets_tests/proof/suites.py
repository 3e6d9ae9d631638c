"""What has to be proven: ten promises, and the suites that try to break them.

A test says what it is part of by two markers, and how much it did by the fixture `proven`:

    pytestmark = [pytest.mark.suite("kills"), pytest.mark.promise("whole-or-absent")]

    def test_kills_leave_the_old_or_the_new(proven: Proven) -> None:
        ...
        proven(500, "killed publications", "0 torn")

`make soak` runs every test of a suite at its full size and writes docs/reliability.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """What users rely on."""

    title: str
    text: str


PROMISES = {
    "complete-or-loud": Promise(
        "Complete or loud",
        "What was written is compared with the snapshot; a failed check publishes nothing, and "
        "partial success is never exit 0.",
    ),
    "one-moment": Promise(
        "One moment",
        "All tables of a source in one run come from one snapshot, or the manifest says otherwise.",
    ),
    "whole-or-absent": Promise(
        "Whole or absent",
        "A reader sees the old partition or the new one, whatever is killed when; the next run "
        "converges without repair by hand.",
    ),
    "nothing-deleted-unproven": Promise(
        "Nothing deleted unproven",
        "A source file goes only after its closed, durable archive was read again and matched it, "
        "and only with the project's permission.",
    ),
    "every-byte": Promise(
        "Every byte of a log accounted for",
        "Exported, quarantined, blank and pending bytes add up to what is there.",
    ),
    "same-in-same-out": Promise(
        "Same in, same out",
        "Unchanged input writes nothing; equal input gives equal bytes.",
    ),
    "nothing-changed-silently": Promise(
        "Nothing changed silently",
        "Every conversion that loses something is refused or counted, per column.",
    ),
    "no-secrets": Promise(
        "No secrets out",
        "Not in files, logs, metadata, manifests, run configuration or messages.",
    ),
    "source-left-alone": Promise(
        "The source is left alone",
        "Opened read-only, the same bytes afterwards, its application never blocked for longer "
        "than a busy timeout.",
    ),
    "flat-memory": Promise("Flat memory", "A table ten times larger needs the same memory."),
}


@dataclass(frozen=True)
class Suite:
    """Tests that try to break one thing.

    Attributes:
        title: What they try.
        promised: How much of it they do, at least.
        bound: What may come of it.
    """

    title: str
    promised: str
    bound: str


SUITES = {
    "crash-model": Suite(
        "Crashes of a modelled disk, four kinds of durability, crashes of the recovery",
        "5,000 states",
        "0 lost, 0 torn, 0 doubled; converges in 2 runs",
    ),
    "mutants": Suite(
        "The harness itself: algorithms made faulty on purpose", "8 mutants", "all are found"
    ),
    "kills": Suite(
        "kill -9 at random moments of a real process",
        "500 each of publish, ingestion, offload; half of them in the middle",
        "0 lost, 0 torn",
    ),
    "crash-points": Suite("kill -9 at every named point", "every point twice", "old or new"),
    "injected-errors": Suite(
        "An error of the system at every k-th operation",
        "300",
        "the documented class and exit code, nothing left over",
    ),
    "full-disk": Suite(
        "A full disk for every writer", "7 writers x 3", "exit 21, the old stays, nothing left over"
    ),
    "log-lives": Suite(
        "Random lives of logs: appended, cut, rotated, truncated, deleted, crashed on",
        "2,000 without and 2,000 with truncation",
        "0 missing, 0 doubled",
    ),
    "mutated-lines": Suite(
        "Lines damaged at random", "10,000 lines, 9 manners", "every byte accounted for"
    ),
    "differential": Suite(
        "Lines as other parsers read them: json, orjson, Polars, DuckDB",
        "39 fixtures and 5,000 random lines",
        "differences only from a list",
    ),
    "random-schemas": Suite(
        "Random tables through every format, read by Polars, DuckDB and pyarrow",
        "1,000 schemas x 4 formats x 3 readers",
        "all equal",
    ),
    "bit-flips": Suite(
        "Flipped bits in parts of every format, sets, archives, encrypted archives and their "
        "records, manifests, ledger, read logs",
        "300 each",
        "all found",
    ),
    "sqlite-writers": Suite(
        "SQLite while it is written, in both journal modes",
        "5 s of writing x 2 modes x 2 ways of reading",
        "0 torn, 0 errors of the writer, no stall of 1 s",
    ),
    "duckdb-locks": Suite("DuckDB files that others hold", "6 cases", "the right class"),
    "postgres-snapshots": Suite(
        "PostgreSQL while it is written and changed", "2,000 pairs", "0 torn"
    ),
    "sensor-soak": Suite(
        "A day of sensor ticks on a clock of our own",
        "2,880 ticks",
        "every line once; no more requests than work",
    ),
    "failing-backfill": Suite(
        "A backfill of which a tenth fails", "100 partitions", "the next runs exactly the failed"
    ),
    "concurrency": Suite(
        "Processes that publish one partition at once",
        "8 processes x 20",
        "every generation once, no mix seen by 4 readers",
    ),
    "security": Suite(
        "Hostile names, archives, formulas, identifiers, queries; canaries of secrets",
        "40 ids, 12 members, 3 bombs, 8 prefixes, 500 identifiers",
        "all refused or harmless; no canary found",
    ),
    "golden": Suite(
        "Manifests and archives of every released version", "every version", "restored"
    ),
    "limits": Suite(
        "Descriptors, threads, temporary files, memory", "every command", "back to start; bounded"
    ),
}
