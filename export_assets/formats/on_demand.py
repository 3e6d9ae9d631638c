"""Objects by name, each made of a class that is imported when it is asked for.

DuckDB alone is a tenth of a second and a sixth of the memory of a small export.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")


class OnDemand(MutableMapping[str, T], Generic[T]):
    """A mapping whose values are made the first time they are looked up."""

    def __init__(self, classes: Mapping[str, str]) -> None:
        """Take the class of each name, as `module:Class` in this package."""
        self._classes = dict(classes)
        self._made: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """Return the one called *name*.

        Raises:
            KeyError: There is none.
        """
        if name not in self._made:
            module, _, made = self._classes[name].partition(":")
            self._made[name] = getattr(import_module(f"{__package__}.{module}"), made)()
        return self._made[name]

    def __setitem__(self, name: str, value: T) -> None:
        """Let *name* stand for *value*, in the place of what it stood for."""
        self._classes.setdefault(name, "")
        self._made[name] = value

    def __delitem__(self, name: str) -> None:
        """Forget *name*."""
        del self._classes[name]
        self._made.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)
