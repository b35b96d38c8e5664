"""Pictures: what the scripts of a page draw, as JSON has it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from atomlens.client.elements import SYMBOLS
from atomlens.client.probe import Grid
from atomlens.client.report.coloring import Coloring, charges_alike, colorings, scale_of
from atomlens.client.report.contents import Report
from atomlens.client.report.drawing import Drawing, color, radii
from atomlens.client.report.interpolation import INTERPOLATED
from atomlens.client.report.packed import pack
from atomlens.client.report.scale import MEANINGS, PALETTES, Scale
from atomlens.client.report.surface import POWER, Surface
from atomlens.client.structure import Floats
from atomlens.client.table import number

MEAN_OF_POINTS = "the mean over all points"
MINIMA = 5  # of each field
BEYOND = 0.01  # of the points: a few with extreme values would take the colours of all others


def pictures(report: Report) -> dict[str, Any]:
    """Return bodies, ways to colour them, and the scale of each field."""
    drawing = Drawing.of(report.structure)
    numbers = report.structure.numbers
    explanation = report.explanation
    colored = [] if explanation is None else colorings(explanation, report.means)
    fields = field_scales(report)
    scales = charges_alike([*(one.scale for one in colored), *fields.values()])
    return {
        "atoms": pack(drawing.atoms, "i4"),
        "positions": pack(drawing.positions, "f8"),
        "radii": pack(radii(numbers), "f4"),
        "symbols": report.structure.symbols,
        "colors": {SYMBOLS[one]: color(SYMBOLS[one]) for one in np.unique(numbers)},
        "bonds": pack(drawing.bonds, "i4"),
        "edges": drawing.edges.tolist(),
        "view": drawing.view.tolist(),
        "palettes": PALETTES,
        "meanings": MEANINGS,
        "colorings": [_coloring(one, scale) for one, scale in zip(colored, scales, strict=False)],
        "meshes": [surface_label(one.surface) for one in report.meshes],
        "interpolated": INTERPOLATED in report.notes,
        "minima": _minima(report),
        "scales": {key: asdict(scale) for key, scale in zip(fields, scales[len(colored) :], strict=True)},
    }


def surface_label(surface: Surface) -> str:
    """Return a surface as a button names it."""
    if surface.power == POWER:
        distance = surface.distance_angstrom
        return f"{distance:.1f} Å" if round(distance, 1) == distance else f"{distance:.10g} Å"
    return f"p {surface.power:g}, c {surface.distance_angstrom**-surface.power:.4g}"


def field_scales(report: Report) -> dict[str, Scale]:
    """Return one scale for each model, head and probe, the same on all surfaces.

    Points where the model extrapolates have no part in it.
    """
    values: dict[tuple[str, str, str, str], list[Floats]] = {}
    for found in (*(one.map for one in report.surfaces), *report.maps):
        for field, numbers, close in zip(found.fields, found.values, found.extrapolating, strict=True):
            key = str(found.model), field.head, field.element, field.unit
            values.setdefault(key, []).append(numbers[~close].astype(np.float64))
    return {
        "|".join(key[:3]): scale_of(key[3], np.concatenate(parts), MEAN_OF_POINTS, BEYOND)
        for key, parts in values.items()
    }


def _minima(report: Report) -> dict[str, Any]:
    """Return the lowest places of each field on a grid, by which map it is of, head and probe."""
    return {
        f"map {place}|{field.head}|{field.element}": [
            {"position": one.position.tolist(), "value": one.value}
            for one in found.minima(field.element, field.head, MINIMA)
        ]
        for place, found in enumerate(report.maps)
        if isinstance(found.where, Grid)
        for field in found.fields
    }


def _coloring(one: Coloring, scale: Scale) -> dict[str, Any]:
    digits = len(number(0.0, one.scale.unit)) - len("0.")
    return {
        "key": one.key,
        "label": one.label,
        "values": pack(one.values, "f4"),
        "digits": digits,
        "scale": asdict(scale),
    }
