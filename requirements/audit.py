"""Asks whether anything that is locked has a known vulnerability.

python requirements/audit.py

Exits 0 where there is none, 1 where there is one, 2 where audit.toml is wrong, 75 where the
service that knows (https://osv.dev) cannot be reached.
"""

import argparse
import datetime as dt
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
SERVICE = "https://api.osv.dev/v1/query"
UNREACHABLE = 75
_ASKED = b'{"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "26.3"}'
_SECONDS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit the lock; return the exit code."""
    parser = argparse.ArgumentParser(description="Audit what is locked.")
    parser.add_argument("--lock", type=Path, default=HERE / "lock.txt")
    parser.add_argument("--ignored", type=Path, default=HERE / "audit.toml")
    parser.add_argument("--service", default=SERVICE, help="address of an OSV service")
    options = parser.parse_args(arguments)
    ignored, wrong = read_ignored(options.ignored, today=dt.datetime.now(dt.UTC).date())
    if wrong:
        sys.stderr.write("".join(f"{options.ignored.name}: {line}\n" for line in wrong))
        return 2
    if (reason := unreachable(options.service)) is not None:
        sys.stderr.write(f"not audited, {options.service} cannot be reached: {reason}\n")
        return UNREACHABLE
    return subprocess.run(  # noqa: S603 - this interpreter, no shell
        [
            *(sys.executable, "-m", "pip_audit", "--requirement", str(options.lock)),
            *("--disable-pip", "--require-hashes", "--progress-spinner", "off"),
            *("--vulnerability-service", "osv", "--osv-url", options.service),
            *(one for name in ignored for one in ("--ignore-vuln", name)),
        ],
        check=False,
    ).returncode


def read_ignored(path: Path, *, today: dt.date) -> tuple[list[str], list[str]]:
    """Return the ids that *path* ignores, and a line for each thing that is wrong with it."""
    ids: list[str] = []
    wrong: list[str] = []
    for one in tomllib.loads(path.read_text(encoding="utf-8")).get("ignored", ()):
        name, until = one.get("id", "?"), one.get("until")
        if not all(str(one.get(key, "")).strip() for key in ("id", "package", "reason")):
            wrong.append(f"{name}: needs id, package and reason")
        elif type(until) is not dt.date:
            wrong.append(f"{name}: needs the day until which it is ignored, as 2026-12-31")
        elif until <= today:
            wrong.append(f"{name}: was ignored until {until}; look at it again")
        else:
            ids.append(name)
    return ids, wrong


def unreachable(service: str) -> str | None:
    """Return why *service* does not answer, or None where it does."""
    request = urllib.request.Request(  # noqa: S310 - an address of the caller
        service, data=_ASKED, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - the same
            answer.read()
    except (urllib.error.URLError, OSError) as error:
        return str(getattr(error, "reason", error))
    return None


if __name__ == "__main__":
    raise SystemExit(main())
