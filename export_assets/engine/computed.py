"""Columns that a system computes from others, on request."""

from dataclasses import replace

from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import UsageError

OPTION = "computed"
"""Key of a source's `options` that asks for them; as part of the configuration it is part of the
configuration hash, so that exports with and without them never mix."""


def with_computed(source: ConfiguredSource) -> ConfiguredSource:
    """Return *source* with the computed columns of its system, as `options: {computed: true}`.

    Raises:
        UsageError: There are none.
    """
    if source.system is None or not source.system.computes:
        msg = f"--computed: {source.name} has no computed columns"
        raise UsageError(msg)
    options = dict(source.config.options) | {OPTION: True}
    return replace(source, config=source.config.model_copy(update={"options": options}))
