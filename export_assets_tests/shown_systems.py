"""Projects that show the systems they are about, and do without what the others cost."""

from pathlib import Path


def show_only(home: Path, *systems: str) -> None:
    """Let the project in *home* show these built-in systems, unless it has settings of its own."""
    settings = home / "export_assets.yaml"
    if not settings.exists():
        home.mkdir(parents=True, exist_ok=True)
        settings.write_text(f"systems: [{', '.join(systems)}]\n", encoding="utf-8")
