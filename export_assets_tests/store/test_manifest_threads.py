"""Manifests are decoded by many threads at once, from the first one of a process on."""

import subprocess
import sys
from pathlib import Path

from export_assets.store.manifest import encode_manifest
from export_assets_tests.store.publishing import manifest_for

DECODE_AT_ONCE = """
import sys, threading
from pathlib import Path
from export_assets.store.manifest import decode_manifest

data = Path(sys.argv[1]).read_bytes()
sys.setswitchinterval(1e-6)
together = threading.Barrier(8)

def decode():
    together.wait()
    decode_manifest(data)

threads = [threading.Thread(target=decode) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_the_first_manifests_of_a_process_may_be_read_by_several_threads(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(encode_manifest(manifest_for((), run_id="one")))

    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", DECODE_AT_ONCE, path],
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
