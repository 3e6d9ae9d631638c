"""From what was typed to what a bundle is asked for: ids from the command line and from files."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from export_assets.cli.requests import listed
from export_assets.engine.bundle_request import BundleRequest, Follow
from export_assets.errors import UsageError
from export_assets.formats.registry import resolve_formats

if TYPE_CHECKING:
    from export_assets.cli.commands.bundle import BundleOptions


def bundle_request(options: "BundleOptions") -> BundleRequest:
    """Return the request that *options* stand for.

    Raises:
        UsageError: An option cannot be understood, or there is no id.
    """
    ids = [*(options.id or ()), *(_ids_of(options.ids_file) if options.ids_file else ())]
    if not ids:
        msg = "--id: name the rows, by --id or --ids-file"
        raise UsageError(msg)
    return BundleRequest(
        table=options.table,
        ids=tuple(ids),
        key=listed(options.key),
        follow=_follow(options.follow),
        exclude=listed(options.exclude),
        include_related=not options.only_root,
        depth=options.depth,
        formats=tuple(fmt.name for fmt in resolve_formats(listed(options.format))),
        output_dir=options.output_dir,
        overwrite=options.overwrite,
        pretty=options.pretty,
        computed=options.computed,
        lock_timeout=options.lock_timeout,
    )


def _follow(text: str) -> Follow:
    for way in get_args(Follow):
        if text == way:
            return way  # type: ignore[no-any-return]  # one of the literals
    msg = f"--follow {text!r}: choose one of {', '.join(get_args(Follow))}"
    raise UsageError(msg)


def _ids_of(name: str) -> list[str]:
    """Return the lines of the file called *name*, or of the input; empty ones are passed over."""
    try:
        text = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        lines = text.decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        fact = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        msg = f"--ids-file {name}: {fact}"
        raise UsageError(msg) from error
    return [line.removesuffix("\r") for line in lines if line.strip()]
