"""Failure: what stands in the place of an explanation that there is not."""

from __future__ import annotations

from dataclasses import dataclass

from atomlens.client.errors import AtomLensError
from atomlens.client.structure import Structure


@dataclass(frozen=True, slots=True)
class Failure:
    """A structure that could not be read or explained."""

    id: str
    error: AtomLensError
    model: str = ""  # empty when it failed before any model was asked
    structure: Structure | None = None  # None when it could not be read

    def __str__(self) -> str:
        return f"{self.id}: {self.error}"
