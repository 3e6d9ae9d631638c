"""Load definitions as a code server does: python -m benchmarks.growth.load HOME TABLES"""

import os
import sys
from pathlib import Path

from dagster._core.remote_representation.external_data import RepositorySnap

from export_assets.defs.build import build_definitions
from export_assets.systems.registry import load_workspace


def main(home: str, tables: str) -> None:
    """Build the definitions and what a code server tells of them; check that all are there."""
    definitions = build_definitions(load_workspace(Path(home), environ=os.environ))
    told = RepositorySnap.from_def(definitions.get_repository_def())
    found = sum(
        node.asset_key.path[0] == "many"
        and len(node.asset_key.path) == 3
        and node.is_materializable
        for node in told.asset_nodes
    )
    if found != int(tables):
        msg = f"{found} exports instead of {tables}"
        raise SystemExit(msg)


if __name__ == "__main__":
    main(*sys.argv[1:])
