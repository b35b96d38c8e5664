"""Request: what a probe is asked for, as the message that asks for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from atomlens.client import wire
from atomlens.client.arrays import array, finite
from atomlens.client.elements import NUMBERS
from atomlens.client.errors import InputError
from atomlens.client.message_size import MARGIN_BYTES, MAX_MESSAGE_BYTES, check_size
from atomlens.client.probe.grid import Grid
from atomlens.client.probe.whole import whole
from atomlens.client.structure import Floats, Structure
from atomlens.v1 import explanations_pb2, probes_pb2

Elements: TypeAlias = "str | Sequence[str]"
DEFAULT_PROBE_MODEL = "schnet-qm9-energy"
SPACING_ANGSTROM, MARGIN_ANGSTROM = 0.2, 3.0  # of a fitted grid
POINT_BYTES = 24
MOST_POINTS = (MAX_MESSAGE_BYTES - MARGIN_BYTES) // POINT_BYTES  # of a list in one message


def probe_request(
    structure: Structure,
    elements: Elements,
    model: str,
    where: probes_pb2.Grid | probes_pb2.FittedGrid | bytes,
    heads: Sequence[str] = (),
    left_out: Iterable[int] = (),
    slab_points: int = 0,
) -> probes_pb2.ProbeRequest:
    """Return the request; raises `InputError` for what no server could answer."""
    check_size(len(structure))
    if not isinstance(model, str):
        raise InputError(f"`model` must be the name of one model, got {model!r}", field="model")
    request = probes_pb2.ProbeRequest(
        model=explanations_pb2.ModelSelector(name=model),
        structures=wire.encode([structure]),
        elements=bytes(numbers_of(elements)),
        heads=_names("heads", heads),
        left_out=_left_out(left_out, len(structure)),
        slab_points=whole("slab_points", slab_points),
    )
    if isinstance(where, bytes):
        request.points = where
    elif isinstance(where, probes_pb2.Grid):
        request.grid.CopyFrom(where)
    else:
        request.fitted.CopyFrom(where)
    return request


def place(
    spacing: float, margin: float, grid: Grid | None, points: npt.ArrayLike | None
) -> probes_pb2.Grid | probes_pb2.FittedGrid | bytes:
    """Return where probes sit: on a grid, on points, or on a grid fitted to the structure."""
    if grid is not None and points is not None:
        raise InputError("`grid` and `points` must not be given together", field="grid")
    if grid is not None:
        return _grid(grid)
    if points is not None:
        return checked_points(points).astype("<f8").tobytes()
    return probes_pb2.FittedGrid(
        spacing_angstrom=_length("spacing", spacing, "positive"),
        margin_angstrom=_length("margin", margin, "0 or more"),
    )


def checked_points(points: npt.ArrayLike) -> Floats:
    """Return points as (points, 3) Å; raises `InputError` for none, and for more than a message holds."""
    if array("points", points).shape[:1] == (0,):
        raise InputError("`points` must be one or more, got none", reason="NO_POINTS", field="points")
    checked = finite("points", points, "(points, 3)", (None, 3))
    if len(checked) > MOST_POINTS:
        raise InputError(
            f"`points` must be at most {MOST_POINTS} to fit into a message, got {len(checked)}",
            reason="TOO_MANY_POINTS",
            field="points",
        )
    return checked


def numbers_of(elements: Elements) -> list[int]:
    """Return the atomic numbers of probes, which are symbols, one or several."""
    if isinstance(elements, str) or not isinstance(elements, Iterable):
        elements = [elements]
    symbols = list(elements)
    for symbol in symbols:
        if not isinstance(symbol, str) or symbol not in NUMBERS:
            raise InputError(
                f"`elements` must be symbols of elements, got {symbol!r}",
                reason="UNKNOWN_ELEMENT",
                field="elements",
            )
    if not symbols or len(set(symbols)) < len(symbols):
        raise InputError(f"`elements` must be one or more, each once, got {symbols}", field="elements")
    return [NUMBERS[symbol] for symbol in symbols]


def _grid(grid: Grid) -> probes_pb2.Grid:
    return probes_pb2.Grid(
        origin=grid.origin.astype("<f8").tobytes(),
        axes=grid.axes.astype("<f8").tobytes(),
        counts=np.array(grid.counts, "<i4").tobytes(),
    )


def _left_out(atoms: Iterable[int], count: int) -> bytes:
    if not isinstance(atoms, Iterable):
        raise InputError(f"`left_out` must be a list of atoms, got {atoms!r}", field="left_out")
    rule = "atoms of the structure"
    return np.array([whole("left_out", atom, count - 1, rule) for atom in atoms], "<i4").tobytes()


def _names(name: str, values: Sequence[str]) -> list[str]:
    """Return names, which are one or several."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        values = [values]
    names = list(values)
    for one in names:
        if not isinstance(one, str):
            raise InputError(f"`{name}` must be names, got {one!r}", field=name)
    return names


def _length(name: str, value: float, rule: str) -> float:
    """Return a length in Å that is positive, or 0 where the rule says so."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not (is_number and 0 <= value < math.inf) or (rule == "positive" and not value):
        raise InputError(f"`{name}` must be {rule} and finite, got {value!r}", field=name)
    return float(value)
