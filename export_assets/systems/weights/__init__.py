"""The store of a weight processor, and `dump_states` for the end of a processing run."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export_assets.systems.weights.dump import dump_states as dump_states
    from export_assets.systems.weights.inline import add_arguments as add_arguments
    from export_assets.systems.weights.inline import dump_after_run as dump_after_run

__all__ = ["add_arguments", "dump_after_run", "dump_states"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is asked for
    # Loaded when asked for: the registry of systems imports this package, and should start fast.
    if name == "dump_states":
        from export_assets.systems.weights.dump import dump_states

        return dump_states
    if name in {"add_arguments", "dump_after_run"}:
        from export_assets.systems.weights import inline

        return getattr(inline, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
