"""Forks that do a piece of work and are killed; imports so little that forking is safe."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run_child(work: Callable[[], object], *, crash: str = "", kill_after: float = -1.0) -> bool:
    """Run *work* in a fork; return whether it was killed."""
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            if crash:
                os.environ["EXPORT_ASSETS_CRASH"] = crash
            work()
            status = 0
        finally:
            os._exit(status)
    if kill_after >= 0:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    _, code = os.waitpid(pid, 0)
    if os.WIFEXITED(code) and os.WEXITSTATUS(code) != 0:
        msg = f"child failed with {os.WEXITSTATUS(code)}"
        raise RuntimeError(msg)
    return os.WIFSIGNALED(code)


def told_by_child(work: Callable[[], object], answer: Path) -> Any:
    """Return what *work*, run in a fork, says."""
    run_child(lambda: answer.write_text(json.dumps(work()), encoding="utf-8"))
    return json.loads(answer.read_text(encoding="utf-8"))
