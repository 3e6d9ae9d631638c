"""SHA-256 of files, as fast as the disk and the cores give it."""

import hashlib
import os
from pathlib import Path


def hash_file(path: Path) -> tuple[int, str]:
    """Return size in bytes and SHA-256 (hex) of the file at *path*, in constant memory."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def hash_threads() -> int:
    """Return how many files to hash at once: hashing releases the interpreter's lock."""
    return max(2, min(8, os.cpu_count() or 2))
