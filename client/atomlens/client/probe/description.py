"""Description: what the numbers in a file are, in words that any program reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atomlens.client.probe.probe_map import ProbeMap

ASCII = str.maketrans({"−": "-", "Å": "A", "·": "*", "²": "^2"})


def numbers_line(found: ProbeMap) -> str:
    """Return what was probed, each field with its unit, and how many points extrapolate."""
    name = found.structure.id or found.structure.formula
    fields = ", ".join(
        f"{field} in {field.unit} ({flagged} of {len(found)} points extrapolate)"
        for field, flagged in zip(found.fields, found.flagged, strict=True)
    )
    return _plain(f"AtomLens probe map of {name}: {fields}")


def model_line(found: ProbeMap) -> str:
    """Return the model and its digest."""
    return _plain(f"model {found.model} digest {found.model.digest}")


def _plain(text: str) -> str:
    """Return a text in one line of ASCII."""
    return " ".join(text.translate(ASCII).encode("ascii", "replace").decode().split())
