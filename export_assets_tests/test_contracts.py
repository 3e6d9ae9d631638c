"""The agreements about how the code looks, held by the code itself."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from export_assets import errors

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "export_assets"
TESTS = ROOT / "export_assets_tests"
MODULES = sorted(PACKAGE.rglob("*.py"))

LONGEST_MODULE = 400
MEDIAN_MODULE = 120
LONGEST_FUNCTION = 60


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """Top-level names of everything a module imports, inside functions too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_imports_run_one_way() -> None:
    # In a process of its own: it switches off the loggers of the one it runs in.
    linting = "from importlinter.cli import lint_imports_command; lint_imports_command()"

    done = subprocess.run(
        [sys.executable, "-c", linting, "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout


def test_no_module_is_longer_than_400_lines() -> None:
    long = {shown(path): lines(path) for path in MODULES if lines(path) > LONGEST_MODULE}

    assert long == {}


def test_half_of_the_modules_are_120_lines_or_shorter() -> None:
    lengths = [lines(path) for path in MODULES if lines(path)]

    assert median(lengths) <= MEDIAN_MODULE


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        f"{shown(path)}:{name}": length
        for path in MODULES
        for name, length in functions(path)
        if length > LONGEST_FUNCTION
    }

    assert long == {}


def test_every_module_is_named_after_what_it_holds() -> None:
    vague = [shown(path) for path in MODULES if re.search(r"util|helper|common|misc", path.stem)]

    assert vague == []


def test_every_module_that_says_something_says_first_what_lives_in_it() -> None:
    silent = [shown(path) for path in MODULES if lines(path) and not ast.get_docstring(tree(path))]

    assert silent == []


def test_only_defs_and_definitions_import_dagster() -> None:
    importers = [
        path for path in MODULES if any(name.startswith("dagster") for name in imported(path))
    ]

    outside = [
        shown(path)
        for path in importers
        if path != PACKAGE / "definitions.py" and PACKAGE / "defs" not in path.parents
    ]

    assert outside == []


def test_nothing_reads_or_writes_pickles() -> None:
    unsafe = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve"}

    assert [shown(path) for path in MODULES if unsafe & set(imported(path))] == []


def test_the_tree_drawn_over_the_errors_is_the_tree_of_classes() -> None:
    drawn = dict(re.findall(r"[├└]── (\w+) +exit (\d+)", errors.__doc__ or ""))

    actual = {
        name: str(value.exit_code)
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ExportError)
    }
    # Two that only group others have no exit code of their own in the drawing.
    grouping = {"ExportError", "SourceError", "DestinationError"}
    assert drawn == {name: code for name, code in actual.items() if name not in grouping}


def test_the_error_reference_is_what_the_code_says() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "docs.generate", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_error_class_is_in_the_error_reference() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    bases = {name for name, value in vars(errors).items() if isinstance(value, type)}
    classes = {
        node.name
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id in bases for base in node.bases)
    }

    assert {name for name in classes if f"`{name}`" not in page} == set()


def test_every_package_has_its_tests_in_the_same_place() -> None:
    packages = {path.parent.relative_to(PACKAGE) for path in MODULES if lines(path)}

    untested = [
        package.as_posix()
        for package in packages - {Path()}
        # A package inside a package may be tested through the one around it.
        if not list((TESTS / package).rglob("test_*.py"))
        and not (package.parent != Path() and list((TESTS / package.parent).glob("test_*.py")))
    ]

    assert sorted(untested) == []


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in TESTS.rglob("test_*.py")]

    assert len(names) == len(set(names))


def test_nothing_locked_points_at_an_index_or_a_path_of_one_machine() -> None:
    lock = (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")

    assert re.findall(r"^.*(?:index-url|find-links|://| @ |^-e ).*$", lock, re.MULTILINE) == []
    assert re.findall(r"^[a-z0-9].*(?<!\\)$", lock, re.MULTILINE) == []  # each has its hashes
