"""Verification: what can be checked of a bundle without the network it was made from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from atomlens.server.cases import CASES, Case, load_cases
from atomlens.server.dense_work import DenseWork, are_small
from atomlens.server.errors import BundleError
from atomlens.server.listing import VERSION
from atomlens.server.model import Context, Model
from atomlens.server.probes.field import Field
from atomlens.server.probes.places import PointList
from atomlens.server.probes.probe import MOST_FIELDS, Probe
from atomlens.server.probes.slab import Slab
from atomlens.server.probes.tile_values import Mask, Values, compute_tile
from atomlens.server.structures import Floats, Integers, Structures
from atomlens.server.variants import VARIANTS, Variants

TOLERANCE = 1e-4  # in the head's unit per atom
CLOSE = "probes close to nuclei, relative"  # to what the network says where that is more than 1
IN_PLACE = "probes in the place of atoms"


@dataclass(frozen=True, slots=True)
class Row:
    """The largest error of one output in one case."""

    case: str
    output: str
    structures: int
    largest_error: float

    def within(self, tolerance: float) -> bool:
        """Return whether the error is a number and not above the tolerance."""
        return math.isfinite(self.largest_error) and self.largest_error <= tolerance


class _ProbeErrors(NamedTuple):
    """The largest errors of probes, by head."""

    apart: list[float]  # of those that are as far from every atom as in training
    close: list[float]  # of the others, relative to values above 1


def verify_bundle(path: Path, provider: str = "cpu") -> list[Row]:
    """Return the errors of a bundle's graphs against its stored cases, as they are and in every variant.

    Loading checks the digests, the card's contract, and the graphs' inputs and outputs.

    Raises:
        BundleError: the bundle breaks the contract or has no verification cases.
        EngineError: a graph failed on a case.
        ProviderError: the provider is not to be had here.
    """
    model = _load(path.resolve(), provider)
    cases = _cases(model.bundle.files, [head.name for head in model.card.heads])
    rows: list[Row] = []
    for name, group in _groups(cases, VARIANTS).items():
        rows += _rows(model, name, _count(group), [_atom_errors(model, case) for case in group])
    rows += verify_molecules(model, cases, VARIANTS)
    return [*rows, *verify_probes(model, cases, VARIANTS)] if model.takes_probes else rows


def verify_molecules(model: Model, cases: Sequence[Case], variants: Variants) -> list[Row]:
    """Return the errors of small molecules in the dense graph, no rows for a model without one.

    Raises:
        EngineError: the graph failed on a case.
    """
    rows: list[Row] = []
    for name, group in _groups(cases, variants).items() if model.takes_molecules else ():
        rows += _dense_rows(model, name, group)
    return rows


def verify_probes(model: Model, cases: Sequence[Case], variants: Variants) -> list[Row]:
    """Return the errors of probes, asked for as the server asks for them.

    Where a probe is closer to an atom than that pair came in training, values may be large and with them what
    float32 rounds off: errors there are relative to values above 1, in a row of their own. The last row has
    what holds of any weights: in the place of an atom left out, its element is worth what the atom was.

    Args:
        model: one that takes probes.
        cases: with probes or, of older bundles, without.
        variants: in which probes that are not close to an atom are compared as well.

    Raises:
        EngineError: the graph failed on a case.
    """
    rows: list[Row] = []
    close: list[list[float]] = []
    for name, group in _groups(cases, variants).items():
        probed = [case for case in group if case.probed]
        errors = [_probe_errors(model, case) for case in probed]
        rows += _rows(model, f"probes, {name}", _probed(probed), [error.apart for error in errors])
        close += [] if name in variants else [error.close for error in errors]
    rows += _rows(model, CLOSE, _probed(cases), close)
    return rows + _rows(model, IN_PLACE, _count(cases), [_in_place_errors(model, case) for case in cases])


def largest_error(got: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """Return the largest absolute difference, NaN where a number is none, infinity for another shape."""
    if got.shape != expected.shape:
        return math.inf
    return float(np.abs(got.astype(np.float64) - expected).max(initial=0.0))


def _load(path: Path, provider: str) -> Model:
    if not VERSION.fullmatch(path.name):
        raise BundleError(f"the path of a bundle must be REPOSITORY/MODEL/VERSION, got {path}")
    return Model.load(path, provider)


def _cases(files: Mapping[str, bytes], heads: list[str]) -> list[Case]:
    if CASES not in files:
        raise BundleError(f"{CASES}: the bundle has none, so there is nothing to verify it against")
    cases = load_cases(files[CASES])
    for case in cases:
        known = (case.contributions, *(one.values for one in case.probed))
        if not all(set(heads) <= set(values) for values in known):
            raise BundleError(f"{CASES}: case {case.name!r} must have the heads {heads}")
    return cases


def _groups(cases: Sequence[Case], variants: Variants) -> dict[str, list[Case]]:
    """Return every case by its name and, by theirs, the variants of all of them."""
    groups = {case.name: [case] for case in cases}
    return groups | {name: [new for case in cases for new in vary(case)] for name, vary in variants.items()}


def _count(cases: Sequence[Case]) -> int:
    return sum(len(case.structures) for case in cases)


def _probed(cases: Sequence[Case]) -> int:
    return sum(len(case.probed) for case in cases)


def _rows(model: Model, name: str, structures: int, errors: Sequence[Sequence[float]]) -> list[Row]:
    """Return a row for each head from the errors of each case (cases, heads), none without cases."""
    return [
        Row(name, head.name, structures, float(np.max(mine)))
        for head, mine in zip(model.card.heads, zip(*errors, strict=True), strict=bool(errors))
    ]


def _atom_errors(model: Model, case: Case) -> list[float]:
    """Return the largest error of each head, run as the engine runs it."""
    got = model.run(model.prepare(case.structures))
    return [largest_error(got[head.name], case.contributions[head.name]) for head in model.card.heads]


def _dense_rows(model: Model, name: str, group: Sequence[Case]) -> list[Row]:
    """Return the errors of small molecules in the dense graph, no rows where there are none."""
    small = [_small(case) for case in group]
    dense = [case for case in small if len(case.structures)]
    return _rows(model, f"{name}, dense", _count(dense), [_dense_errors(model, case) for case in dense])


def _small(case: Case) -> Case:
    """Return the structures of a case that the dense graph takes."""
    chosen = np.flatnonzero(are_small(case.structures))
    atoms = case.structures.atoms_of(chosen)
    known = {head: values[atoms] for head, values in case.contributions.items()}
    return Case(case.name, case.structures.take(chosen), known)


def _dense_errors(model: Model, case: Case) -> list[float]:
    """Return the largest error of each head, run as the engine runs it."""
    got = model.run(DenseWork.of(case.structures, case.structures.counts))
    return [largest_error(got[head.name], case.contributions[head.name]) for head in model.card.heads]


def _probe_errors(model: Model, case: Case) -> _ProbeErrors:
    largest = []
    for one in case.probed:
        values, close = _ask(model, case.structures.take([one.row]), one.elements, one.points)
        known = np.stack([one.values[head.name] for head in model.card.heads])  # (heads, elements, points)
        off = np.abs(values - known)
        relative = off / np.maximum(np.abs(known), 1.0)
        largest.append([np.where(close, 0.0, off).max((1, 2)), np.where(close, relative, 0.0).max((1, 2))])
    return _ProbeErrors(*np.max(largest, axis=0).tolist())


def _ask(model: Model, one: Structures, elements: Integers, points: Floats) -> tuple[Values, Mask]:
    """Return Ω (heads, elements, points), and where it is close to an atom (elements, points)."""
    some = MOST_FIELDS // len(model.card.heads)
    probe = Probe.of(model, one, elements[:some], PointList(points))
    context = model.context(probe.work)
    slabs = [
        _slab(replace(probe, elements=elements[first : first + some]), context)
        for first in range(0, len(elements), some)
    ]
    values = [slab.values.reshape(len(model.card.heads), -1, len(points)) for slab in slabs]
    return np.concatenate(values, axis=1), np.concatenate([slab.close for slab in slabs])


def _slab(probe: Probe, context: Context | None) -> Slab:
    return Slab.assemble(probe, 0, [(tile, compute_tile(probe, context, tile)) for tile in probe.tiles(0)])


def _in_place_errors(model: Model, case: Case) -> list[float]:
    """Return by head how far probes in the place of atoms are from what those atoms contribute."""
    structures = case.structures
    alone = [_in_place_of_atoms(model, structures.take([row])) for row in range(len(structures))]
    return [
        largest_error(values, case.contributions[head.name])
        for values, head in zip(np.concatenate(alone, axis=1), model.card.heads, strict=True)
    ]


def _in_place_of_atoms(model: Model, one: Structures) -> Values:
    """Return Ω of each atom's element in its place, where it alone is not felt: (heads, atoms)."""
    probe = Probe.of(model, one, one.numbers[:1], PointList(one.positions[:1]))
    context, cutoff = model.context(probe.work), model.card.cutoff_angstrom
    slabs = []
    for atom in np.arange(len(one.numbers))[:, None]:
        places, field = PointList(one.positions[atom]), Field.of(one, cutoff, atom)
        in_place = replace(probe, elements=one.numbers[atom], places=places, left_out=atom, field=field)
        slabs.append(_slab(in_place, context))
    return np.concatenate([slab.values for slab in slabs], axis=1)
