"""Write the pages of docs/reference that follow from the code.

python -m docs.generate            writes them
python -m docs.generate --check    writes nothing, exits 1 where a page is out of date
"""

import ast
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from export_assets import errors
from export_assets.store import manifest

PACKAGE = Path(errors.__file__).parent
REFERENCE = Path(__file__).parent / "reference"
GENERATED = "<!-- Written by `make docs` from the code; edit the code instead. -->"


def error_classes() -> list[type[errors.ExportError]]:
    """Return every error of `export_assets.errors`, in the order of the module."""
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.ExportError)
    ]


def derived_errors() -> Iterator[tuple[str, str, str]]:
    """Yield name, base and summary of each error that another module derives from the tree."""
    known = {error.__name__ for error in error_classes()}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "errors.py" and path.parent == PACKAGE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            for base in node.bases:
                if isinstance(base, ast.Name) and base.id in known:
                    yield node.name, base.id, summary(ast.get_docstring(node) or "")


def summary(text: str) -> str:
    """Return the first line of a docstring."""
    return text.partition("\n")[0]


def errors_page() -> str:
    """Return the page about errors and exit codes."""
    tree = inspect.cleandoc(errors.__doc__ or "").split("\n\n")[1]
    lines = [
        GENERATED,
        "# Errors and exit codes",
        "",
        "Every error raised on purpose is one line for people and one of these classes. A command",
        "ends with the exit code of its class; Dagster retries a step only where a retry may help.",
        "",
        "```text",
        inspect.cleandoc(tree),
        "```",
        "",
        "| class | exit | retry may help | meaning |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{error.__name__}` | {error.exit_code} | {'yes' if error.retriable else 'no'} |"
        f" {summary(inspect.getdoc(error) or '')} |"
        for error in error_classes()
    ]
    derived = list(derived_errors())
    if derived:
        lines += [
            "",
            "Some modules derive a class of their own; exit code and retry are its base's.",
            "",
        ]
        lines += ["| class | derives from | meaning |", "|---|---|---|"]
        lines += [f"| `{name}` | `{base}` | {text} |" for name, base, text in derived]
    lines += [
        "",
        "Besides: 0 is done, or nothing to do; 3 is done with warnings (rows quarantined within",
        "the threshold, tables skipped); 4 is partial, some exports failed and the others stand;",
        "a command ended by signal N exits with 128 + N.",
    ]
    return "\n".join(lines) + "\n"


def manifest_schema() -> str:
    """Return the JSON Schema of manifests."""
    return json.dumps(manifest.json_schema(), indent=2, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors_page,
    "manifest.schema.json": manifest_schema,
}


def stale_pages(directory: Path) -> list[str]:
    """Return the names of pages in *directory* that differ from what the code says now."""
    return [
        name
        for name, render in PAGES.items()
        if not (directory / name).is_file()
        or (directory / name).read_text(encoding="utf-8") != render()
    ]


def write_pages(directory: Path) -> None:
    """Write every page into *directory*."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, render in PAGES.items():
        (directory / name).write_text(render(), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write or check the pages; return the exit code."""
    if arguments == ["--check"]:
        stale = stale_pages(REFERENCE)
        for name in stale:
            print(f"docs/reference/{name}: out of date, run make docs")
        return 1 if stale else 0
    write_pages(REFERENCE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
