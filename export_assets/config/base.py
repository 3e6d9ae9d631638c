"""What every configuration model has in common: frozen, strict about keys, silent about values."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Base of the configuration models.

    Input values are hidden in errors because they may come from the environment.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
