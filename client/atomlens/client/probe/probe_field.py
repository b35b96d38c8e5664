"""Probe field: one value at every point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atomlens.client.errors import InputError

MINUS = "−"  # between the probes of a difference


@dataclass(frozen=True, slots=True)
class ProbeField:
    """What one head says of a probe of one element."""

    head: str
    element: str  # symbol of the probe; of a difference such as ``H−C`` both
    unit: str

    @property
    def probes(self) -> tuple[str, ...]:
        """Symbols of the probes that the values are made of: one, or two of a difference."""
        return tuple(self.element.split(MINUS))

    def __str__(self) -> str:
        return f"{self.element} of {self.head}"


def find(fields: Sequence[ProbeField], element: str | None, head: str | None) -> int:
    """Return which field has an element and a head, None for whatever there is.

    Raises `InputError` when none has, or more than one.
    """
    places = list(range(len(fields)))
    for name, wanted in (("element", element), ("head", head)):
        known = [getattr(fields[place], name) for place in places]
        if wanted is not None:
            places = [place for place, found in zip(places, known, strict=True) if found == wanted]
        if not places:
            raise _unknown(name, "be", known, repr(wanted))
    for name in ("element", "head"):
        known = [getattr(fields[place], name) for place in places]
        if len(set(known)) > 1:
            raise _unknown(name, "name", known, "none")
    return places[0]


def _unknown(name: str, verb: str, known: Sequence[str], got: str) -> InputError:
    names = ", ".join(dict.fromkeys(known))
    message = f"`{name}` must {verb} one of {names}, got {got}"
    return InputError(message, reason="UNKNOWN_FIELD", field=name)
