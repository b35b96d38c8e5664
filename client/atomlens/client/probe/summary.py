"""Summary: a probe map in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from atomlens.client.probe.grid import Grid
from atomlens.client.probe.minima import place_text
from atomlens.client.probe.probe_field import ProbeField

if TYPE_CHECKING:
    from atomlens.client.probe.probe_map import ProbeMap

SHOWN = 3  # minima of a field
CAVEAT = (
    "A point extrapolates where it is nearer to a nucleus than that pair of elements came in training. "
    "Such points are left out of ranges and minima."
)


def title(found: ProbeMap) -> str:
    """Return what was probed, with what and where."""
    name = found.structure.id or found.structure.formula
    fields = " and ".join(filter(None, [", ".join(found.elements[:-1]), found.elements[-1]]))
    return f"{name}: {fields} of {', '.join(found.heads)} at {_size(found)}"


def text(found: ProbeMap) -> str:
    """Return the title, a line for each field, what extrapolating means and where the map comes from."""
    digest = found.model.digest[:12]
    lines = [title(found), "", *field_lines(found), ""]
    if any(found.flagged):
        lines.append(CAVEAT)
    return "\n".join([*lines, f"model: {found.model} ({digest})"])


def field_lines(found: ProbeMap) -> Iterator[str]:
    """Yield for each field its range, where it is lowest and how many points extrapolate; then its minima."""
    for field, flagged in zip(found.fields, found.flagged, strict=True):
        close = f"; {flagged:,} of {len(found):,} points extrapolate" if flagged else ""
        yield f"{field}: {_range(found, field)}{close}"
        if isinstance(found.where, Grid):
            lowest = found.minima(field.element, field.head, SHOWN)
            yield f"    minima: {', '.join(map(str, lowest)) or 'none inside the grid'}"


def _range(found: ProbeMap, field: ProbeField) -> str:
    span = found.value_range(field.element, field.head)
    if math.isnan(span.minimum):
        return "no value that can be trusted"
    where, point = found.where, span.minimum_point
    place = where.point(point) if isinstance(where, Grid) else where[point]
    return f"{span.minimum:.4f} to {span.maximum:.4f} {field.unit}, lowest at {place_text(place)}"


def _size(found: ProbeMap) -> str:
    if isinstance(found.where, Grid):
        return f"{' × '.join(map(str, found.where.counts))} points"
    return f"{len(found):,} point{'s' * (len(found) != 1)}"
