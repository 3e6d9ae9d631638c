"""The real `dg` in a real dg project: each command starts Dagster, so most run as a soak."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DG = Path(sys.executable).with_name("dg")
SOAK = os.environ.get("EXPORT_ASSETS_SOAK") == "1"
PYPROJECT = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "my_data"\n'
DEFINITIONS = """\
from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
ENTRY = "[dagster_dg_cli.registry_modules]\nexport_assets = export_assets\n"

pytestmark = [
    pytest.mark.skipif(not DG.exists(), reason="dg is not installed"),
    pytest.mark.skipif(not SOAK, reason="takes half a minute; EXPORT_ASSETS_SOAK=1 runs it"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    home = tmp_path / "project"
    defs = home / "src" / "my_data" / "defs"
    defs.mkdir(parents=True)
    (home / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (defs.parent / "definitions.py").write_text(DEFINITIONS, encoding="utf-8")
    for folder in (defs, defs.parent):
        (folder / "__init__.py").touch()
    # What an installation of this very tree registers, whatever is installed.
    metadata = tmp_path / "site" / "export_assets-0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: export-assets\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text(ENTRY, encoding="utf-8")
    made = [sys.executable, str(ROOT / "examples" / "make_shop.py"), str(home / "shop.db")]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    return home


def dg(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("EXPORT_ASSETS", "DAGSTER"))}
    paths = (project.parent / "site", ROOT, project / "src")
    return subprocess.run(
        [str(DG), *arguments],
        cwd=project,
        env=kept
        | {
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "HOME": str(project.parent),
            "COLUMNS": "200",
            "TERM": "dumb",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_dg_lists_scaffolds_checks_and_launches(project: Path) -> None:
    listed = dg(project, "list", "components", "--json")
    made = dg(project, "scaffold", "defs", "export_assets.ExportSource", "shop", "--url", "shop.db")
    right = dg(project, "check", "yaml")
    shown = dg(project, "list", "defs", "--json")
    launched = dg(project, "launch", "--assets", "key:shop/customers/csv")

    assert "export_assets.ExportSource" in listed.stdout
    assert made.returncode == right.returncode == launched.returncode == 0, launched.stderr
    assets = {one["asset_key"]: one for one in json.loads(shown.stdout)["assets"]}
    assert assets["shop/orders/csv"]["source"] == "src/my_data/defs/shop/defs.yaml:10"
    assert (project / "exports" / "shop" / "customers" / "csv" / "all").is_dir()


def test_dg_names_what_is_wrong_at_its_place(project: Path) -> None:
    folder = project / "src" / "my_data" / "defs" / "shop"
    folder.mkdir()
    (folder / "defs.yaml").write_text(
        "type: export_assets.ExportSource\nattributes:\n  source: shop\n  url: shop.db\n"
        "  tables:\n    orders: {partition_by: {colum: ordered_at, every: day}}\n",
        encoding="utf-8",
    )

    wrong = dg(project, "check", "yaml")
    loaded = dg(project, "list", "defs")

    assert wrong.returncode == 1
    assert "defs.yaml:6 - export_assets.ExportSource" in wrong.stdout
    assert "attributes.tables.orders.partition_by.colum" in wrong.stdout
    assert loaded.returncode != 0
    told = "src/my_data/defs/shop/defs.yaml: tables.orders.partition_by.colum: unknown key"
    assert told in loaded.stdout + loaded.stderr
