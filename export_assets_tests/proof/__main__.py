"""Runs suites at their full size and writes docs/reliability.md.

python -m export_assets_tests.proof [--sample] [SUITE ...]

Without names, all of them. With --sample as much is done as continuous integration does, and the
page says so.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from export_assets_tests.proof.page import Note, Outcome, Run, machine, outcomes, page
from export_assets_tests.proof.suites import SUITES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
KEPT = Path(__file__).with_name("notes.json")
"""The last run of each suite; the page is made of it."""
WORKERS = 2


def run(suites: list[str], *, sample: bool) -> list[Note]:
    """Run the tests of *suites*, of all where there are none, and return what they noted."""
    marked = [
        os.fspath(path.relative_to(ROOT))
        for path in sorted((ROOT / "export_assets_tests").rglob("test_*.py"))
        if _names(path, suites or list(SUITES))
    ]
    with tempfile.TemporaryDirectory(prefix="export_assets_proof_") as directory:
        notes = Path(directory) / "notes.json"
        environment = {**os.environ, "EXPORT_ASSETS_PROOF": os.fspath(notes)}
        if not sample:
            environment["EXPORT_ASSETS_SOAK"] = "1"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:junitxml", "-m", "suite"]
        command += ["-n", str(WORKERS), "--dist", "worksteal"]
        command += ["--timeout", "300" if sample else "7200"]
        subprocess.run([*command, *marked], cwd=ROOT, env=environment, check=False)
        told: list[Note] = json.loads(notes.read_bytes()) if notes.exists() else []
    return [note for note in told if not suites or set(suites) & set(note["suite"])]


def _names(path: Path, suites: list[str]) -> bool:
    content = path.read_text(encoding="utf-8")
    return "mark.suite(" in content and any(f'"{name}"' in content for name in suites)


def tell(found: dict[str, Outcome]) -> None:
    """Print what became of each suite."""
    for name, outcome in found.items():
        done = ", ".join(f"{count:,} {unit}" for unit, count in outcome.done.items())
        print(f"{name:18} {outcome.seconds:7.0f} s  {done or '-'}: {outcome.result}")
        for test in outcome.failed:
            print(f"{'':18}   failed: {test}")
        for test in outcome.skipped:
            print(f"{'':18}   not run: {test}")


def keep(notes: list[Note], suites: list[str], *, sample: bool) -> None:
    """Write down what became of *suites*, and the page."""
    kept: dict[str, Run] = json.loads(KEPT.read_bytes()) if KEPT.exists() else {}
    today = datetime.now(UTC).date().isoformat() + (", a sample" if sample else "")
    for name in suites:
        of_it = [note for note in notes if name in note["suite"]]
        kept[name] = {"on": today, "where": machine(), "notes": of_it}
    ordered = {name: kept[name] for name in SUITES if name in kept}
    KEPT.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(ordered), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


def main() -> int:
    """Run, tell, and write the page; 1 where a suite is broken or did not run."""
    parser = argparse.ArgumentParser(prog="make soak", description="Try to break every promise.")
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES], metavar="SUITE")
    parser.add_argument("--sample", action="store_true", help="as much as `make test` does")
    chosen = parser.parse_args()
    notes = run(chosen.suites, sample=chosen.sample)
    every = outcomes(notes)
    found = {name: every[name] for name in chosen.suites or SUITES}
    tell(found)
    keep(notes, list(found), sample=chosen.sample)
    return 0 if all(outcome.held for outcome in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
