"""The real web UI of a project, asked and commanded over HTTP as its page does."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from benchmarks.contenders import program
from benchmarks.measure import CommandFailed

POLL_SECONDS = 0.2
START_SECONDS = 180

_RUN = """
mutation ($key: [AssetKeyInput!]!, $tags: [ExecutionTag!]!) {
  launchPipelineExecution(executionParams: {
    selector: {repositoryName: "__repository__", repositoryLocationName: "export_assets",
               jobName: "__ASSET_JOB", assetSelection: $key}
    mode: "default", runConfigData: "{}", executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}"""
_BACKFILL = """
mutation ($key: [AssetKeyInput!]!, $partitions: [String!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: $key, partitionNames: $partitions}) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}"""
_RUNS = """
query ($tags: [ExecutionTag!]!) {
  runsOrError(filter: {tags: $tags}) {
    ... on Runs { results { runId status creationTime startTime endTime } }
  }
}"""
_STATUS = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}"""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A UI that is being served."""

    port: int

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Return the data GraphQL answers with.

        Raises:
            CommandFailed: It answered with errors.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = Request(
            f"http://127.0.0.1:{self.port}/graphql",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=60) as reply:
            answer = json.load(reply)
        if "errors" in answer:
            raise CommandFailed(answer["errors"][0]["message"])
        data: dict[str, Any] = answer["data"]
        return data

    def launch_run(self, keys: Sequence[Sequence[str]], *, partition: str) -> str:
        """Launch one partition of the assets as the button does; return the run's id."""
        tags = [{"key": "dagster/partition", "value": partition}]
        told = self.ask(_RUN, key=[{"path": key} for key in keys], tags=tags)
        return str(_taken(told["launchPipelineExecution"])["run"]["runId"])

    def launch_backfill(self, keys: Sequence[Sequence[str]], *, partitions: Sequence[str]) -> str:
        """Launch a backfill of the assets as the dialog does; return its id."""
        told = self.ask(_BACKFILL, key=[{"path": key} for key in keys], partitions=partitions)
        return str(_taken(told["launchPartitionBackfill"])["backfillId"])

    def wait_for_run(self, tag: str, value: str, *, timeout: float) -> dict[str, Any]:
        """Return the run that carries a tag, once it has ended well.

        Raises:
            CommandFailed: It failed, or took longer than *timeout* seconds.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = self.ask(_RUNS, tags=[{"key": tag, "value": value}])["runsOrError"]["results"]
            for run in found:
                if run["status"] == "SUCCESS":
                    return dict(run)
                if run["status"] in {"FAILURE", "CANCELED"}:
                    msg = f"run {run['runId']}: {run['status']}"
                    raise CommandFailed(msg)
            time.sleep(POLL_SECONDS)
        msg = f"no run with {tag}={value} ended within {timeout:g} s"
        raise CommandFailed(msg)

    def wait_for_backfill(self, backfill: str, *, timeout: float) -> None:
        """Wait until Dagster calls a backfill a success.

        Raises:
            CommandFailed: It calls it something else, or took longer than *timeout* seconds.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            status = self.ask(_STATUS, id=backfill)["partitionBackfillOrError"]["status"]
            if status == "COMPLETED_SUCCESS":
                return
            if status not in {"REQUESTED", "COMPLETING"}:
                msg = f"backfill {backfill}: {status}"
                raise CommandFailed(msg)
            time.sleep(POLL_SECONDS)
        msg = f"backfill {backfill}: not done within {timeout:g} s"
        raise CommandFailed(msg)


def _taken(told: dict[str, Any]) -> dict[str, Any]:
    if not told["__typename"].endswith("Success"):
        msg = f"{told['__typename']}: {told.get('message', 'refused')}"
        raise CommandFailed(msg)
    return told


@contextmanager
def serve(home: Path) -> Iterator[Served]:
    """Serve the project in *home* while the block runs.

    Raises:
        CommandFailed: It does not answer in time.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with (
        (home / "dev.log").open("wb") as log,
        subprocess.Popen(
            [program(), "dev", "--home", str(home), "--port", str(port)],
            env=os.environ,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        served = Served(port=port)
        try:
            _wait_for_assets(served, process)
            yield served
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def _wait_for_assets(served: Served, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if served.ask("{ assetNodes { id } }")["assetNodes"]:
                return
        except (URLError, OSError):
            time.sleep(POLL_SECONDS)
    msg = "export-assets dev: no assets to be seen"
    raise CommandFailed(msg)
