"""What the documents say about the repository is so."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """Anchors of the headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in headings}


def broken(document: Path) -> list[str]:
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken(document) == []


def test_every_decision_is_in_the_list_of_decisions() -> None:
    index = text_of(ROOT / "docs" / "decisions" / "README.md")

    missing = [
        path.name
        for path in (ROOT / "docs" / "decisions").glob("0*.md")
        if f"({path.name})" not in index
    ]

    assert missing == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_every_make_target_named_exists(document: str) -> None:
    makefile = text_of(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(ROOT / document), re.MULTILINE))

    assert named - targets == set()


def test_make_lists_its_targets_without_an_environment() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert {"setup", "demo", "test", "check", "dev", "lock"} <= set(names)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    [command] = re.findall(r"^(make test)\b", text_of(ROOT / "README.md"), re.MULTILINE)

    assert script.stat().st_mode & 0o111
    assert text_of(script).splitlines()[-1] == command


@pytest.mark.parametrize("name", ["build-system", "project", "dependency-groups"])
def test_every_dependency_declared_is_locked(name: str) -> None:
    import tomllib

    lock = text_of(ROOT / "requirements" / "lock.txt")
    locked = {
        canonical(one) for one in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==", lock, re.MULTILINE)
    }
    section = tomllib.loads(text_of(ROOT / "pyproject.toml"))[name]

    declared = [
        *section.get("requires", []),
        *section.get("dependencies", []),
        *section.get("dev", []),
        *(one for extra in section.get("optional-dependencies", {}).values() for one in extra),
    ]
    assert declared
    assert {canonical(re.split(r"[\[<>=!~; ]", one)[0]) for one in declared} - locked == set()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
