"""A process that is asked to end does, with the exit code of the first signal."""

import signal
import subprocess
import sys
import time

import pytest

# Runs BODY as a command does, so that what it raises and prints goes through the real boundary.
PROGRAM = """
import os, signal, sys, time, weakref
from export_assets.cli.output import Output
from export_assets.cli.signals import raise_if_asked, termination_raises

def send(number):
    os.kill(os.getpid(), number)

def dropped(action):
    class Thing: pass
    thing = Thing()
    watch = weakref.ref(thing, lambda _: action())
    del thing

output = Output(json=True)

def body():
{body}
    output.document({{"exit_code": 0}})
    return 0

with termination_raises():
    code = output.guard(body)
{after}
sys.exit(code)
"""


def ended(body: str, after: str = "") -> "subprocess.CompletedProcess[str]":
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=indented, after=after)],
        capture_output=True,
        text=True,
        timeout=20,
    )


SIGNALS = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)


@SIGNALS
def test_further_signals_do_not_disturb_the_cleaning_up(number: int, code: int) -> None:
    done = ended(
        f"try:\n    send({number})\nfinally:\n    send({number}); send(2); send(15)\n"
        "    print('clean')"
    )

    assert done.returncode == code, done.stderr
    assert done.stdout.startswith("clean")
    assert done.stderr.count("\n") == 1


@SIGNALS
def test_a_signal_while_the_process_ends_leaves_the_exit_code(number: int, code: int) -> None:
    done = ended(f"send({number})", after=f"send({number})")

    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1


@SIGNALS
def test_an_exception_python_drops_is_raised_again(number: int, code: int) -> None:
    done = ended(f"dropped(lambda: send({number}))\ntime.sleep(15)\nprint('late')")

    assert done.returncode == code, done.stderr
    assert "late" not in done.stdout
    assert done.stderr == "interrupted; what was not complete was removed\n"
    assert f'"exit_code": {code}' in done.stdout


def test_no_result_is_told_after_an_exception_that_got_lost() -> None:
    done = ended("try:\n    send(15)\nexcept BaseException:\n    pass")

    assert done.returncode == 143
    assert '"exit_code": 143' in done.stdout
    assert '"exit_code": 0' not in done.stdout


def test_an_error_a_library_made_of_the_exception_is_no_bug() -> None:
    done = ended("try:\n    send(1)\nexcept BaseException:\n    raise ValueError('callback')")

    assert done.returncode == 129
    assert "bug" not in done.stderr


def test_an_exit_code_is_that_of_a_signal_that_came_last_of_all() -> None:
    done = ended("output.json = False\nsend_later = dropped(lambda: send(15))\nreturn 0")

    assert done.returncode == 143


def test_what_others_raise_in_callbacks_is_still_told() -> None:
    done = ended("def boom(): raise ValueError('lost')\ndropped(boom)")

    assert done.returncode == 0
    assert "ValueError: lost" in done.stderr


def test_signals_mean_what_they_meant_after_a_command() -> None:
    done = ended(
        "pass",
        after="assert signal.getsignal(2) is signal.default_int_handler\n"
        "assert signal.getsignal(15) is signal.SIG_DFL",
    )

    assert done.returncode == 0, done.stderr


def test_two_interrupts_in_a_row_give_the_exit_code() -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            PROGRAM.format(body="    print('up', flush=True)\n    time.sleep(15)", after=""),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        time.sleep(0.015)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 130, err
    assert err.count("\n") == 1
