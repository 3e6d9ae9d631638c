"""A JSON document sent by POST, once, to exactly the address given."""

import json
from collections.abc import Mapping
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

_AGENT = "export-assets"
# None that follows redirects: the address is the secret, and meant for one server.
_HANDLERS = (
    ProxyHandler,
    HTTPHandler,
    HTTPSHandler,
    HTTPErrorProcessor,
    HTTPDefaultErrorHandler,
)


def post(url: str, document: Mapping[str, object], *, timeout: float) -> None:
    """Send *document* to *url*, `http` or `https`.

    Args:
        url: The address.
        document: What JSON can hold.
        timeout: Seconds for each step of the conversation.

    Raises:
        OSError: It was not taken, or nobody answered.
        ValueError: *url* is no address.
        http.client.HTTPException: What answered does not speak HTTP.
    """
    request = Request(  # noqa: S310 - the scheme is that of the configuration, checked there
        url,
        data=json.dumps(document, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": _AGENT},
        method="POST",
    )
    opener = OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    with opener.open(request, timeout=timeout) as answer:
        answer.close()
