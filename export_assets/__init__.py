"""Dagster assets that export databases and event logs.

`ExportSource` is the component of a dg project. It is looked up here by Dagster alone: nothing
else of the package needs Dagster, and the command line starts without it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export_assets.defs.component import ExportSource

__all__ = ["ExportSource"]


def __getattr__(name: str) -> object:
    if name == "ExportSource":
        from export_assets.defs.component import ExportSource

        return ExportSource
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
