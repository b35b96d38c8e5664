"""Cases: structures with known contributions, kept in a bundle so that it can be verified anywhere."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from atomlens.server.errors import BundleError
from atomlens.server.structures import Floats, Structures

CASES = "verification.npz"
PREFIX = "contributions_"
FIELDS = {"counts", "numbers", "positions_A", "cells_A", "pbc", "cases", "case_structures"}


@dataclass(frozen=True)
class Case:
    """One batch of structures and what the network says of it in float64."""

    name: str
    structures: Structures
    contributions: dict[str, Floats]  # by head, (atoms,) in the head's unit, without offsets


def dump_cases(cases: Sequence[Case]) -> bytes:
    """Return the cases as an .npz archive, the same bytes every time."""
    everything = Structures.concatenate([case.structures for case in cases])
    heads = cases[0].contributions
    arrays = {
        "cases": np.array([case.name for case in cases]),
        "case_structures": np.array([len(case.structures) for case in cases]),
        "counts": everything.counts,
        "numbers": everything.numbers,
        "positions_A": everything.positions,
        "cells_A": everything.cells,
        "pbc": everything.pbc,
    }
    known = {PREFIX + head: np.concatenate([case.contributions[head] for case in cases]) for head in heads}
    archive = io.BytesIO()
    np.savez_compressed(archive, **arrays, **known)  # type: ignore[arg-type]
    return archive.getvalue()


def load_cases(content: bytes) -> list[Case]:
    """Return the cases that `dump_cases` wrote.

    Raises:
        BundleError: the archive is damaged or holds something else.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return _split(arrays)
    except Exception as error:  # a damaged archive raises whatever its bytes lead to
        raise BundleError(f"{CASES}: no verification cases: {error}") from error


def _split(arrays: dict[str, np.ndarray]) -> list[Case]:
    missing = FIELDS - set(arrays)
    if missing:
        raise ValueError(f"lacks {sorted(missing)}")
    everything = Structures(
        arrays["counts"],
        arrays["numbers"],
        arrays["positions_A"],
        arrays["cells_A"],
        arrays["pbc"],
        np.zeros(len(arrays["counts"])),
        np.zeros(len(arrays["counts"]), np.int64),
    )
    known = {name.removeprefix(PREFIX): values for name, values in arrays.items() if name.startswith(PREFIX)}
    ends = np.cumsum(arrays["case_structures"])
    cases = []
    for name, end, size in zip(arrays["cases"], ends, arrays["case_structures"], strict=True):
        rows = np.arange(end - size, end)
        atoms = everything.atoms_of(rows)
        mine = {head: values[atoms] for head, values in known.items()}
        cases.append(Case(str(name), everything.take(rows), mine))
    return cases
