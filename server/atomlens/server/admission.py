"""Admission: which structures of a request a model takes, in which form, and what is wrong with others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from atomlens.server.card import Head
from atomlens.server.close import ClosePairs
from atomlens.server.dense_pairs import find_dense_pairs
from atomlens.server.dense_work import DenseWork, are_small, centred
from atomlens.server.errors import ServerError
from atomlens.server.explanations import Warned
from atomlens.server.limits import Limits
from atomlens.server.lone import admit_lone
from atomlens.server.model import Model
from atomlens.server.neighbors import request_too_costly
from atomlens.server.structures import Integers, Structures
from atomlens.server.table_work import TableWork
from atomlens.server.validation import check, check_pairs
from atomlens.server.warning import warn_of_pairs, warn_of_size
from atomlens.server.work import Work

FIRST: Integers = np.zeros(1, np.int64)  # the rows of a request for one structure


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a request at the door."""

    structures: Structures  # all of them, as they came
    heads: tuple[Head, ...]
    rows: Integers  # those admitted, in the order of their work
    works: tuple[Work, ...]
    failures: Mapping[int, ServerError]  # of the others
    warnings: tuple[Warned, ...]

    @property
    def cost(self) -> int:
        """Atoms + pairs of those admitted."""
        return sum(work.load.cost for work in self.works)

    def pieces(self, batch_cost: int) -> list[Work]:
        """Return the work in order, in pieces that fit into batches of ``batch_cost``."""
        return [piece for work in self.works for piece in work.pieces(batch_cost)]


class _Lane(NamedTuple):
    """Structures that one graph takes."""

    rows: Integers  # (structures,) in the request
    work: Work
    too_large: npt.NDArray[np.bool_]  # (structures,)
    close: ClosePairs


def admit(model: Model, structures: Structures, heads: Sequence[str], limits: Limits) -> Admission:
    """Return the structures that the model can take, ready for its graphs, and the errors of the others.

    Raises:
        InputError: a head is unknown, or the batch is too large as a whole.
    """
    wanted = model.heads(heads)
    lone = admit_lone(structures, model.card, limits) if model.takes_molecules else None
    if lone is not None:
        return Admission(structures, wanted, FIRST, (lone,), {}, ())
    failures: dict[int, ServerError] = dict(check(structures, model.card, wanted, limits))
    rows = np.arange(len(structures))
    if failures:
        rows = np.setdiff1d(rows, list(failures))
    lanes = _lanes(model, structures.only(rows), rows, limits)
    if sum(lane.work.load.cost for lane in lanes) > limits.max_request_cost:
        raise request_too_costly(limits.max_request_cost)
    close = ClosePairs.join([lane.close for lane in lanes])
    late = check_pairs(np.concatenate([lane.rows[lane.too_large] for lane in lanes]), close, limits)
    if late:
        lanes = [_without(lane, late) for lane in lanes]
        close = close.take(~np.isin(close.rows, list(late)))
    rows = np.concatenate([lane.rows for lane in lanes])
    return Admission(
        structures,
        wanted,
        rows,
        tuple(lane.work for lane in lanes if len(lane.rows)),
        failures | late,
        (*warn_of_size(model.card, rows, structures.counts[rows]), *warn_of_pairs(model.card, close)),
    )


def admit_alone(model: Model, structure: Structures, limits: Limits) -> TableWork:
    """Return one structure with its pairs, to be asked for no property.

    Raises:
        InputError: the model cannot take it.
    """
    failures, rows = check(structure, model.card, (), limits), np.arange(len(structure))
    for error in failures.values():
        raise error
    work = model.prepare(structure, limits)
    close = work.close_pairs(model.card.closest, limits.min_distance_angstrom, rows)
    for error in check_pairs(rows[work.exceeds(limits.max_structure_cost)], close, limits).values():
        raise error
    return work


def _lanes(model: Model, structures: Structures, rows: Integers, limits: Limits) -> list[_Lane]:
    """Return small molecules for the dense graph, where the model has one, and all else for the other."""
    if not model.takes_molecules:
        return [_table_lane(model, structures, rows, limits)]
    small = are_small(structures)
    if small.all():
        return [_dense_lane(model, structures, rows, limits)]
    dense, others = np.flatnonzero(small), np.flatnonzero(~small)
    return [
        _dense_lane(model, structures.only(dense), rows[dense], limits),
        _table_lane(model, structures.only(others), rows[others], limits),
    ]


def _dense_lane(model: Model, structures: Structures, rows: Integers, limits: Limits) -> _Lane:
    order = np.argsort(structures.counts, kind="stable")
    structures, rows = structures.only(order), rows[order]
    positions = centred(structures)
    pairs = find_dense_pairs(structures, positions, model.card, limits.min_distance_angstrom, rows)
    costs = structures.counts + pairs.counts
    work = DenseWork(structures.counts, costs, structures.numbers, positions)
    return _Lane(rows, work, costs > limits.max_structure_cost, pairs.close)


def _table_lane(model: Model, structures: Structures, rows: Integers, limits: Limits) -> _Lane:
    work = model.prepare(structures, limits)
    close = work.close_pairs(model.card.closest, limits.min_distance_angstrom, rows)
    return _Lane(rows, work, work.exceeds(limits.max_structure_cost), close)


def _without(lane: _Lane, failures: Mapping[int, ServerError]) -> _Lane:
    """Return the lane without structures that fail."""
    kept = np.flatnonzero(~np.isin(lane.rows, list(failures)))
    return lane._replace(rows=lane.rows[kept], work=lane.work.take(kept))
