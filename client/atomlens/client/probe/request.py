"""Request: what a probe is asked for, as the message that asks for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from atomlens.client import wire
from atomlens.client.arrays import finite
from atomlens.client.elements import NUMBERS
from atomlens.client.errors import InputError
from atomlens.client.probe.grid import Grid
from atomlens.client.structure import Floats, Structure
from atomlens.v1 import explanations_pb2, probes_pb2

Elements: TypeAlias = "str | Sequence[str]"
DEFAULT_PROBE_MODEL = "schnet-qm9-energy"
SPACING_ANGSTROM, MARGIN_ANGSTROM = 0.2, 3.0  # of a fitted grid
POINT_BYTES = 24
MOST_POINTS = (wire.MAX_MESSAGE_BYTES - wire.MARGIN_BYTES) // POINT_BYTES  # of a list in one message


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
    wire.check_size(structure)
    if isinstance(heads, str):
        heads = [heads]
    request = probes_pb2.ProbeRequest(
        model=explanations_pb2.ModelSelector(name=model),
        structures=wire.encode([structure]),
        elements=bytes(numbers_of(elements)),
        heads=heads,
        left_out=_left_out(left_out, len(structure)),
        slab_points=_whole("slab_points", slab_points),
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
    for name, value, least in (("spacing", spacing, 0.0), ("margin", margin, -math.inf)):
        if not isinstance(value, Real) or not max(least, -1e-300) < value < math.inf:
            rule = "positive" if name == "spacing" else "0 or more"
            raise InputError(f"`{name}` must be {rule} and finite, got {value!r}", field=name)
    return probes_pb2.FittedGrid(spacing_angstrom=spacing, margin_angstrom=margin)


def checked_points(points: npt.ArrayLike) -> Floats:
    """Return points as (points, 3) Å; raises `InputError` for none, and for more than a message holds."""
    checked = finite("points", points, "(points, 3)", (None, 3))
    if not 0 < len(checked) <= MOST_POINTS:
        raise InputError(
            f"`points` must be 1 to {MOST_POINTS} to fit into a message, got {len(checked)}",
            reason="TOO_MANY_POINTS" if len(checked) else "NO_POINTS",
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
    chosen = [_whole("left_out", atom) for atom in atoms]
    if any(atom >= count for atom in chosen):
        raise InputError(
            f"`left_out` must be atoms of the structure, 0 to {count - 1}, got {max(chosen)}",
            field="left_out",
        )
    return np.array(chosen, "<i4").tobytes()


def _whole(name: str, value: int) -> int:
    if not isinstance(value, int | np.integer) or not 0 <= value < 2**31:
        raise InputError(f"`{name}` must be whole and 0 or more, got {value!r}", field=name)
    return int(value)
