"""What every configuration model has in common: frozen, strict about keys, silent about values."""

import ast
import inspect
import textwrap
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Model(BaseModel):
    """Base of the configuration models.

    Input values are hidden in errors because they may come from the environment.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe fields by the texts below them.

        As `use_attribute_docstrings` does, which parses the source of every model each time a
        program starts: a quarter of what that takes.
        """
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        said = _said_of_fields(cls)
        for name, field in cls.model_fields.items():
            found = properties.get(field.alias or name, properties.get(name))
            if found is not None and name in said:
                found.setdefault("description", said[name])
        return schema


def _said_of_fields(model: type[BaseModel]) -> dict[str, str]:
    """Return, by field, the text below it in the source of the class that declares it."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if owner is Model or not issubclass(owner, Model):
            continue
        [declared] = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(declared, ast.ClassDef)  # noqa: S101 - it is the source of a class
        for field, text in pairwise(declared.body):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(said))),
                ):
                    found[name] = inspect.cleandoc(said)
    return found
