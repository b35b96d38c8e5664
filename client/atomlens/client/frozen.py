"""Frozen: what dataclasses have in common whose arrays cannot be written to."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any, ClassVar

import numpy as np


class Frozen:
    """A base of frozen, slotted dataclasses; a copy and a pickle are as unchangeable as the original."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __post_init__(self) -> None:
        """Show arrays that cannot be written to; whoever made them keeps theirs as they are."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and value.flags.writeable:
                view = value.view()
                view.setflags(write=False)
                object.__setattr__(self, field.name, view)

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        """Copy and pickle through the constructor: arrays come out of a pickle writable."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))
