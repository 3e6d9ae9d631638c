"""A project of one source, made anew for what is measured."""

import shutil
from pathlib import Path

ONLY = "systems: []\n"
"""Settings without a built-in system: only what is measured is in the project."""


def one_source(home: Path, name: str, text: str, *, settings: str = "") -> Path:
    """Return *home*, made a project that has exported nothing yet.

    Its one source is called *name* and described by *text*; without *settings* all are as they
    come, the built-in systems too.
    """
    shutil.rmtree(home, ignore_errors=True)
    (home / "sources").mkdir(parents=True)
    (home / "sources" / f"{name}.yaml").write_text(text, encoding="utf-8")
    if settings:
        (home / "export_assets.yaml").write_text(settings, encoding="utf-8")
    return home
