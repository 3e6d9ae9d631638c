"""What a source's YAML says of what Dagster shows: charts, rows, and how many rows are unusual."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from export_assets.config.base import Model

ChartKind = Literal["trace", "counts", "bars", "partitions"]

_NEEDS: dict[ChartKind, tuple[str, ...]] = {
    "trace": ("x", "y"),
    "counts": ("x",),
    "bars": ("by",),
    "partitions": (),
}

MOST_SAMPLED = 20


class ChartConfig(Model):
    """A small picture of each partition."""

    kind: ChartKind
    """`trace`: `y` over `x`; `counts`: rows over `x`; `bars`: rows by value of `by`, the most
    frequent ones; `partitions`: rows of the partition and of those before it."""
    x: str | None = Field(default=None, min_length=1)
    """Column of times or numbers that runs from left to right."""
    y: str | None = Field(default=None, min_length=1)
    """Column of numbers whose mean is drawn."""
    by: str | None = Field(default=None, min_length=1)
    """Column whose values are counted; they are written beside the bars."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are looked at."""
        named = (self.x, self.y, self.by)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @model_validator(mode="after")
    def _has_its_columns(self) -> Self:
        needed = _NEEDS[self.kind]
        for name in ("x", "y", "by"):
            given = getattr(self, name) is not None
            if given != (name in needed):
                fact = "has no use for it" if given else "needs it"
                msg = f"{name}: a chart of kind {self.kind} {fact}"
                raise ValueError(msg)
        return self


class VolumeConfig(Model):
    """How many rows a partition may have, compared with those before it."""

    partitions: PositiveInt = Field(default=10, le=100)
    """How many partitions before it are looked at; nothing is said where fewer than half of so
    many are published."""
    tolerance: float = Field(default=3.0, gt=1)
    """How many times more, or fewer, rows than their median are nothing unusual."""


def _switch(value: object) -> object:
    return VolumeConfig() if value is True else value


Volume = Annotated[
    VolumeConfig | Literal[False],
    BeforeValidator(_switch, json_schema_input_type=bool | VolumeConfig),
]
SampleRows = Annotated[int, Field(ge=0, le=MOST_SAMPLED)]
