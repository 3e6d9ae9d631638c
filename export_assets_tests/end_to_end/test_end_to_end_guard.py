"""The served UI: pages and programs of this machine are answered, nobody else is."""

import base64
import json
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from export_assets_tests.end_to_end.proxies import (
    PASSWORD,
    PROXIES,
    USER,
    Proxy,
    can_run,
    proxy,
)
from export_assets_tests.end_to_end.ui import Ui, members, serving
from export_assets_tests.end_to_end.world import DAILY, World

# Changes something in the instance, needs no arguments anybody would have to know.
MUTATION = "mutation { setAutoMaterializePaused(paused: true) }"
STATE = "{ instance { autoMaterializePaused } }"
EVIL = "http://evil.example"


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    world = World(home=tmp_path_factory.mktemp("served"))
    world.database()
    world.configure(DAILY)
    with serving(world, "--allow-host", "exports.example.org") as served:
        served.ask(MUTATION.replace("true", "false"))
        yield served


def is_paused(ui: Ui) -> bool:
    return bool(ui.ask(STATE).document["data"]["instance"]["autoMaterializePaused"])


def opened(ui: Ui, **headers: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{ui.port}/graphql",
        subprotocols=[Subprotocol("graphql-ws")],
        additional_headers=headers,
        compression=None,
    )


def test_the_catalog_page_loads_with_its_scripts(ui: Ui) -> None:
    page = ui.send("GET", "/assets", {"Accept": "text/html", "Sec-Fetch-Site": "none"})
    [script, *_] = re.findall(rb'<script[^>]* src="(/[^"]+\.js)"', page.body)
    loaded = ui.send("GET", script.decode(), {"Sec-Fetch-Site": "same-origin"})

    assert page.status == loaded.status == 200
    assert b"<!DOCTYPE html>" in page.body
    assert page.headers["x-frame-options"] == "SAMEORIGIN"
    assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_the_page_itself_asks_and_changes(ui: Ui, name: str) -> None:
    own = f"{name}:{ui.port}"
    headers = {"Host": own, "Origin": f"http://{own}", "Sec-Fetch-Site": "same-origin"}

    asked = ui.ask("{ assetNodes { assetKey { path } } }", headers)
    changed = ui.ask(MUTATION, headers)
    paused = is_paused(ui)
    ui.ask(MUTATION.replace("true", "false"), headers)

    keys = [node["assetKey"]["path"] for node in asked.document["data"]["assetNodes"]]
    assert ["shop", "orders", "parquet"] in keys
    assert changed.status == 200
    assert paused
    assert not is_paused(ui)


def test_a_proxy_that_is_known_is_answered(ui: Ui) -> None:
    headers = {"Host": "exports.example.org", "Origin": "https://exports.example.org"}

    assert ui.ask("{ version }", headers).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.", ""])
def test_other_hosts_are_refused_in_one_line(ui: Ui, host: str) -> None:
    page = ui.send("GET", "/", {"Host": f"{host}:{ui.port}"})
    changed = ui.ask(MUTATION, {"Host": host})

    assert (page.status, changed.status) == (421, 421)
    assert page.body.count(b"\n") == 1
    assert not is_paused(ui)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_mutations_of_foreign_pages_are_refused(ui: Ui, headers: dict[str, str]) -> None:
    target = f"/graphql?query={quote(MUTATION)}"
    form = headers | {"Content-Type": "text/plain"}

    assert ui.ask(MUTATION, headers).status == 403
    assert ui.send("GET", target, headers).status == 403
    assert ui.send("POST", target, form, b"").status == 403
    assert ui.send("POST", "/report_asset_materialization/shop", form, b"{}").status == 403
    assert not is_paused(ui)


def test_nothing_is_done_by_get_nor_by_forms(ui: Ui) -> None:
    target = f"/graphql?query={quote(MUTATION)}"

    assert ui.send("GET", target).status == 405
    assert ui.send("GET", f"/graphql/?query={quote(MUTATION)}").status == 405
    assert ui.send("GET", f"/graphql%0A?query={quote(MUTATION)}").status == 400
    for kind in ("text/plain", "application/graphql", "multipart/form-data; boundary=x"):
        assert ui.send("POST", target, {"Content-Type": kind}, MUTATION.encode()).status == 415
    assert ui.send("POST", target, {}, b"").status == 415
    assert ui.send("OPTIONS", "/graphql").status == 405
    assert not is_paused(ui)


def test_a_subscription_comes_through_the_web_socket(ui: Ui) -> None:
    query = "subscription { locationStateChangeEvents { event { message } } }"
    with opened(ui, Origin=f"http://127.0.0.1:{ui.port}") as talking:
        talking.send(json.dumps({"type": "connection_init"}))
        acknowledged = json.loads(talking.recv(timeout=10))
        unknown = 'subscription { pipelineRunLogs(runId: "none") { __typename } }'
        for number, text in enumerate((query, unknown)):
            message = {"type": "start", "id": str(number), "payload": {"query": text}}
            talking.send(json.dumps(message))
        answer = json.loads(talking.recv(timeout=10))

    assert acknowledged["type"] == "connection_ack"
    assert answer["id"] == "1"
    assert answer["payload"]["data"]["pipelineRunLogs"]["__typename"].endswith("Failure")


@pytest.mark.parametrize(
    "headers", [{"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_web_sockets_of_foreign_pages_are_refused(ui: Ui, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(ui, **headers):
        pass

    assert refused.value.response.status_code == 403


def test_a_web_socket_takes_subscriptions_only(ui: Ui) -> None:
    with opened(ui) as talking:
        message = {"type": "start", "id": "1", "payload": {"query": MUTATION}}
        talking.send(json.dumps(message))
        with pytest.raises(ConnectionClosed) as closed:
            talking.recv(timeout=10)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert not is_paused(ui)


def test_the_dagster_home_can_be_entered_by_its_owner_only(ui: Ui) -> None:
    home = ui.home / ".dagster"

    assert home.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o077 for path in home.glob("*.yaml")} == {0}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_but_the_guarded_port_listens(ui: Ui) -> None:
    listening = listening_ports(ui.home)

    assert listening == {ui.port}


@pytest.fixture(params=list(PROXIES))
def proxied(ui: Ui, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxy]:
    if not can_run(request.param):
        pytest.skip(f"needs {request.param}, curl and openssl")
    with proxy(request.param, tmp_path, ui.port) as running:
        yield running


def test_the_proxies_of_the_page_ask_for_a_login_and_pass_the_rest_on(
    ui: Ui, proxied: Proxy
) -> None:
    own = f"https://{proxied.authority}"
    json_body = ("-H", "Content-Type: application/json", "-d", json.dumps({"query": MUTATION}))

    assert proxied.curl("/", user=None) == 401
    assert proxied.curl("/graphql", *json_body, user="alice:wrong") == 401
    assert proxied.curl("/assets") == 200
    assert proxied.curl("/graphql", *json_body, "-H", f"Origin: {EVIL}") == 403
    assert proxied.curl(f"/graphql?query={quote(MUTATION)}") == 405
    assert not is_paused(ui)
    assert proxied.curl("/graphql", *json_body, "-H", f"Origin: {own}") == 200
    assert is_paused(ui)
    ui.ask(MUTATION.replace("true", "false"))
    for origin, opens in ((own, True), (EVIL, False)):
        assert opens_through(proxied, origin) == opens


def opens_through(proxied: Proxy, origin: str) -> bool:
    """Whether a WebSocket of a page of *origin* is opened by the proxy and the UI behind it."""
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    try:
        with connect(
            f"wss://{proxied.authority}/graphql",
            sock=socket.create_connection(("127.0.0.1", proxied.port)),
            ssl=proxied.context(),
            subprotocols=[Subprotocol("graphql-ws")],
            additional_headers={"Authorization": f"Basic {login}", "Origin": origin},
        ) as opened_one:
            opened_one.send(json.dumps({"type": "connection_init"}))
            return bool(json.loads(opened_one.recv(timeout=10))["type"] == "connection_ack")
    except InvalidStatus:
        return False


def listening_ports(home: Path) -> set[int]:
    """TCP ports that processes of the Dagster home of *home* listen on."""
    inodes = set()
    for pid in members(home):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            target = str(entry.readlink()) if entry.is_symlink() else ""
            inodes |= set(re.findall(r"socket:\[(\d+)\]", target))
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found
