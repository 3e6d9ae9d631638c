"""As the original exporter does it, line by line into a CSV: python stdlib_json.py LOGS OUT

A line that cannot be parsed is left out.
"""

import csv
import json
import sys
from pathlib import Path

COLUMNS = ("datetime", "type", "device", "device_id", "device_position", "details", "seq")


def main(logs: str, directory: str) -> None:
    with (Path(directory) / "events.csv").open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, ("timestamp", *COLUMNS))
        writer.writeheader()
        for log in sorted(Path(logs).iterdir()):
            with log.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    try:
                        event = json.loads(line)
                    except json.JSONDecodeError:
                        continue
                    if not isinstance(event, dict):
                        continue
                    row = {name: event.get(name) for name in COLUMNS}
                    writer.writerow({"timestamp": event.get("timestamp_iso"), **row})


if __name__ == "__main__":
    main(*sys.argv[1:])
