"""What the documentation site has besides docs/: the repository's own pages, linked as there.

MkDocs calls `on_files` and `on_page_markdown`; see `hooks` in mkdocs.yml. Pages are written for the
repository, where a link from docs to CONTRIBUTING.md climbs one directory and one back goes down.
"""

import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OF_THE_REPOSITORY = ("CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "dagster.yaml", "workspace.yaml")
_LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie beside docs/, and the examples, to the site."""
    examples = sorted(path for path in (ROOT / "examples").rglob("*") if path.is_file())
    for path in [*(ROOT / name for name in OF_THE_REPOSITORY), *examples]:
        if "__pycache__" not in path.parts:
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links of the repository at the same pages of the site."""
    del config
    return _LINK.sub(lambda link: link[1] + _target(page, link[2], files) + link[3], markdown)


def _target(page: Page, target: str, files: Files) -> str:
    """Return *target* as it is reached from *page* within the site."""
    source = PurePosixPath(page.file.src_uri)
    # Where the page lies in the repository.
    outside = (ROOT / source).is_file()
    directory = (ROOT if outside else ROOT / "docs") / source.parent
    reached = (directory / target).resolve()
    for base in (ROOT / "docs", ROOT):
        if reached.is_relative_to(base):
            name = reached.relative_to(base).as_posix()
            if files.get_file_from_path(name) is not None:
                return _relative(name, source.parent)
    return target


def _relative(name: str, directory: PurePosixPath) -> str:
    """Return the page *name* of the site as a link from *directory* of it."""
    return "/".join([*(".." for _ in directory.parts), name])
