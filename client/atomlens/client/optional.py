"""Optional: arrays of a batch that only some structures need, None where none of them does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.client.arrays import array, floats, shaped, whole_numbers, wrong_shape
from atomlens.client.structure import NOT_PERIODIC, Floats

EACH = "(structures,)"


def cells_of(value: Any, many: int) -> Floats | None:
    """Return cells (structures, 3, 3), zeros for none; raises `InputError`, as all that follow do."""
    rule = "(structures, 3, 3)"
    return None if value is None else needed(shaped("cells", rule, floats("cells", value), (many, 3, 3)))


def pbc_of(value: Any, many: int) -> npt.NDArray[np.bool_] | None:
    """Return which lattice vectors repeat (structures, 3), also of one value or three for all structures."""
    if value is None:
        return None
    pbc = array("pbc", value)
    if pbc.shape not in ((), (3,), (many, 3)):
        raise wrong_shape("pbc", f"(3,) or (structures, 3) of {many} structures", pbc.shape)
    return needed(np.broadcast_to(pbc, (many, 3)).astype(np.bool_))


def charges_of(value: Any, many: int) -> Floats | None:
    """Return total charges (structures,)."""
    return None if value is None else needed(shaped("charges", EACH, floats("charges", value), (many,)))


def spins_of(value: Any, many: int) -> npt.NDArray[np.int64] | None:
    """Return multiplicities (structures,)."""
    if value is None:
        return None
    return needed(shaped("spins", EACH, whole_numbers("spins", EACH, value), (many,)))


def gathered_cells(cells: Sequence[Floats | None]) -> Floats | None:
    """Return the cells of structures one by one: (structures, 3, 3)."""
    if all(cell is None for cell in cells):
        return None
    none = np.zeros((3, 3))
    return needed(np.array([none if cell is None else cell for cell in cells]))


def gathered_pbc(pbc: Sequence[npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_] | None:
    """Return which lattice vectors repeat of structures one by one: (structures, 3)."""
    return None if all(one is NOT_PERIODIC for one in pbc) else needed(np.array(pbc))


def joined(parts: Sequence[tuple[npt.NDArray[Any] | None, int]]) -> npt.NDArray[Any] | None:
    """Return the arrays of all parts, zeros for those, of so many structures, that have none."""
    known = next((values for values, _ in parts if values is not None), None)
    if known is None:
        return None
    rows = [
        np.zeros((many, *known.shape[1:]), known.dtype) if values is None else values
        for values, many in parts
    ]
    return np.concatenate(rows)


def needed(values: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """Return values, or None where all of them are 0."""
    return values if values.any() else None
