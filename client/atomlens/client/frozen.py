"""Frozen: what dataclasses and mappings have in common that cannot be written to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, TypeVar

import numpy as np

Key = TypeVar("Key")
Value = TypeVar("Value")


class Frozen:
    """A base of frozen, slotted dataclasses; a copy and a pickle are as unchangeable as the original."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __post_init__(self) -> None:
        """Show arrays that cannot be written to; whoever made them keeps theirs as they are."""
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray) and value.flags.writeable:
                view = value.view()
                view.setflags(write=False)
                object.__setattr__(self, name, view)

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        """Copy and pickle through the constructor: arrays come out of a pickle writable."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self) if field.init)


class FrozenMapping(Mapping[Key, Value]):
    """A mapping that can be pickled and not be changed."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[Key, Value]) -> None:
        self._entries = dict(entries)

    def __getitem__(self, key: Key) -> Value:
        return self._entries[key]

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[Key]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return repr(self._entries)
