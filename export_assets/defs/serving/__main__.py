"""`python -m export_assets.defs.serving`: the process `export-assets dev` starts and ends."""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from export_assets.defs.serving.rules import Rules
from export_assets.defs.serving.server import Serving, serve
from export_assets.errors import ExportError


def main() -> int:
    """Serve as the arguments say; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("--viewer", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    rules = Rules(allowed_hosts=frozenset(given.allow_host), viewer=given.viewer)
    workspace = Path(os.environ["DAGSTER_HOME"]) / "workspace.yaml"
    try:
        serve(Serving(host=given.host, port=given.port, workspace=workspace, rules=rules))
    except ExportError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    sys.stderr.write("error: Dagster's daemon ended, and the UI with it\n")
    return 1


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
