"""The guard as a browser meets it: the page works through it, pages of others do not."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from playwright.sync_api import Page, WebSocket, expect

from export_assets_tests.browser.dagster_ui import PATIENCE, DagsterUi
from export_assets_tests.browser.project import ORDERS, Project
from export_assets_tests.end_to_end.ui import Ui, serving

MUTATION = "mutation { setAutoMaterializePaused(paused: true) }"
RESUME = MUTATION.replace("true", "false")
STATE = "{ instance { autoMaterializePaused } }"

# All a page can do to have the browser send something, and whether it was told anything back.
ATTACK = """
async ([address, mutation]) => {
  const query = JSON.stringify({query: mutation});
  const send = (options, target = '/graphql') =>
    fetch(address + target, options).then(r => r.type + ' ' + r.status, () => 'failed');
  const json = {'Content-Type': 'application/json'};
  const told = {
    json: await send({method: 'POST', headers: json, body: query}),
    text: await send({method: 'POST', body: query}),
    blind: await send({method: 'POST', mode: 'no-cors', body: query}),
    get: await send({mode: 'no-cors'}, '/graphql?query=' + encodeURIComponent(mutation)),
  };
  await new Promise(done => {
    const image = new Image();
    image.onload = image.onerror = done;
    image.src = address + '/graphql?query=' + encodeURIComponent(mutation);
  });
  told.socket = await new Promise(done => {
    const socket = new WebSocket(address.replace('http', 'ws') + '/graphql', 'graphql-ws');
    socket.onopen = () => done('opened');
    socket.onerror = () => done('failed');
  });
  const form = document.createElement('form');
  Object.assign(form, {method: 'POST', action: address + '/graphql', enctype: 'text/plain'});
  Object.assign(form.appendChild(document.createElement('input')), {
    name: query.slice(0, -1) + ', "x": "', value: '"}'
  });
  document.body.appendChild(form);
  return told;
}
"""


class BlankPage(BaseHTTPRequestHandler):
    """Somebody else's page."""

    def do_GET(self) -> None:
        body = b"<!DOCTYPE html><title>other</title><body></body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def elsewhere() -> Iterator[str]:
    """Serve a page of another origin; give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BlankPage) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def is_paused(served: Ui) -> bool:
    return bool(served.ask(STATE).document["data"]["instance"]["autoMaterializePaused"])


def test_the_page_works_through_the_guard_and_asks_nobody_else(ui: DagsterUi) -> None:
    refused: list[str] = []
    asked: set[str] = set()
    heard: list[str] = []
    ui.page.on("response", lambda r: refused.append(f"{r.status} {r.url}") if not r.ok else None)
    ui.page.on("request", lambda r: asked.add(urlsplit(r.url).netloc))

    def listen(socket: WebSocket) -> None:
        asked.add(urlsplit(socket.url).netloc)
        socket.on("framereceived", lambda frame: heard.append(str(frame)))

    ui.page.on("websocket", listen)

    for path in ("/overview", "/assets", "/runs", "/automation", "/deployment"):
        ui.open(path)
        expect(ui.page.get_by_role("link", name="Catalog")).to_be_visible(timeout=PATIENCE)
        ui.page.wait_for_load_state("networkidle")
    ui.open_asset(ORDERS)

    assert [json.loads(frame)["type"] for frame in heard][:1] == ["connection_ack"]
    assert asked - {""} == {urlsplit(ui.address).netloc}
    assert refused == []


def test_a_page_of_another_origin_changes_nothing(page: Page, served: Ui) -> None:
    address = f"http://127.0.0.1:{served.port}"
    assert served.ask(MUTATION).status == 200
    assert is_paused(served)
    served.ask(RESUME)
    with elsewhere() as other:
        page.goto(other)
        told = page.evaluate(ATTACK, [address, MUTATION])
        with page.expect_navigation() as moved:
            page.evaluate("document.forms[0].submit()")
        submitted = moved.value

    # Nothing is told; that nothing was done either is asked below.
    assert told == dict.fromkeys(("json", "text", "blind", "get", "socket"), "failed")
    assert submitted is not None
    assert submitted.status == 403
    assert not is_paused(served)


def test_a_name_that_was_led_here_shows_nothing(page: Page, served: Ui) -> None:
    answer = page.goto(f"http://rebound.example:{served.port}/assets")

    assert answer is not None
    assert answer.status == 421
    assert "dagster" not in page.content().lower()


def test_viewers_see_everything_and_can_launch_nothing(
    page: Page, project: Project, served: Ui
) -> None:
    with serving(project.world, "--viewer") as viewed:
        ui = DagsterUi(page=page, address=f"http://127.0.0.1:{viewed.port}")
        ui.open_asset(ORDERS)
        expect(page.locator("button", has_text="Materialize…").first).to_be_disabled(
            timeout=PATIENCE
        )
        ui.open("/locations/export_assets/sensors/shop_changes")
        expect(page.locator("input[type=checkbox]").first).to_be_disabled(timeout=PATIENCE)
        served.ask(RESUME)
        # What the page does not offer, a person may still send by hand.
        status = page.evaluate(
            "q => fetch('/graphql', {method: 'POST', body: JSON.stringify({query: q}),"
            " headers: {'Content-Type': 'application/json'}}).then(r => r.status)",
            MUTATION,
        )

    assert status == 403
    assert not is_paused(served)
