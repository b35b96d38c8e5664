"""Cases: structures with known contributions, kept in a bundle so that it can be verified anywhere.

Probes around some of them are known too, in bundles that take probes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from atomlens.server.errors import BundleError
from atomlens.server.structures import Floats, Integers, Structures

CASES = "verification.npz"
PREFIX, PROBE_PREFIX = "contributions_", "probe_values_"
FIELDS = {"counts", "numbers", "positions_A", "cells_A", "pbc", "cases", "case_structures"}
PROBE_FIELDS = {"probe_elements", "probe_counts", "probe_points_A"}  # of bundles that take probes
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Probed:
    """Points around one structure of a batch and what the network says of probes there in float64."""

    row: int  # of the structure in its batch
    elements: Integers  # (elements,) atomic numbers of the probes
    points: Floats  # (points, 3) Å
    values: dict[str, Floats]  # by head, (elements, points) in the head's unit


@dataclass(frozen=True)
class Case:
    """One batch of structures and what the network says of it in float64."""

    name: str
    structures: Structures
    contributions: dict[str, Floats]  # by head, (atoms,) in the head's unit, without offsets
    probed: tuple[Probed, ...] = ()  # of the same elements, in the order of the structures


def dump_cases(cases: Sequence[Case]) -> bytes:
    """Return the cases as an .npz archive, the same bytes every time."""
    everything = Structures.concatenate([case.structures for case in cases])
    heads = cases[0].contributions
    arrays: Arrays = {
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
    np.savez_compressed(archive, **arrays, **known, **_probe_arrays(cases))  # type: ignore[arg-type]
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


def _probe_arrays(cases: Sequence[Case]) -> Arrays:
    """Return the probes of all cases, how many points each structure has, and what is known there."""
    probed = [one for case in cases for one in case.probed]
    if not probed:
        return {}
    firsts = np.cumsum([0, *(len(case.structures) for case in cases)])
    counts = np.zeros(firsts[-1], np.int64)
    for first, case in zip(firsts, cases, strict=False):
        counts[[first + one.row for one in case.probed]] = [len(one.points) for one in case.probed]
    known = {
        PROBE_PREFIX + head: np.concatenate([one.values[head] for one in probed], axis=1)
        for head in probed[0].values
    }
    points = np.concatenate([one.points for one in probed])
    return {"probe_elements": probed[0].elements, "probe_counts": counts, "probe_points_A": points, **known}


def _split(arrays: Arrays) -> list[Case]:
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
    known, probed = _by_head(arrays, PREFIX), _probed(arrays)
    ends = np.cumsum(arrays["case_structures"])
    cases = []
    for name, end, size in zip(arrays["cases"], ends, arrays["case_structures"], strict=True):
        rows = np.arange(end - size, end)
        atoms = everything.atoms_of(rows)
        mine = {head: values[atoms] for head, values in known.items()}
        around = tuple(replace(one, row=one.row - int(rows[0])) for one in probed if one.row in rows)
        cases.append(Case(str(name), everything.take(rows), mine, around))
    return cases


def _probed(arrays: Arrays) -> list[Probed]:
    """Return the probes around all structures, in order; none of an archive without."""
    if not set(arrays) >= PROBE_FIELDS:
        return []
    counts, elements, points = arrays["probe_counts"], arrays["probe_elements"], arrays["probe_points_A"]
    known, ends = _by_head(arrays, PROBE_PREFIX), np.cumsum(counts)
    shape = (len(elements), ends[-1])
    if any(values.shape != shape for values in known.values()) or points.shape != (ends[-1], 3):
        raise ValueError(f"values of probes must be {shape}, at as many points")
    found = []
    for row in np.flatnonzero(counts).tolist():
        mine = slice(ends[row] - counts[row], ends[row])
        values = {head: values[:, mine] for head, values in known.items()}
        found.append(Probed(row, elements, points[mine], values))
    return found


def _by_head(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
