"""Engine: structures in, explanations out, with no server around it.

The three steps stand apart so that a server can queue and batch between them:
`admit` validates and finds neighbors, `compute` runs the model, `finish` makes properties of contributions.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from atomlens.server.admission import Admission, admit
from atomlens.server.errors import EngineError, OutOfMemoryError, ServerError
from atomlens.server.explanations import Explanations
from atomlens.server.heads import aggregate
from atomlens.server.limits import Limits
from atomlens.server.memory import is_out_of_memory
from atomlens.server.model import Model, Outputs
from atomlens.server.provenance import Provenance
from atomlens.server.repository import Repository
from atomlens.server.structures import Floats, Integers, Structures
from atomlens.server.work import Work

NONE = np.zeros(0)
# Beside the names of heads in outputs: which atoms are of structures that memory was short for.
NO_MEMORY = ""
SHORT = "there was not enough memory for this structure, even alone: ask for a smaller one or a larger server"
Alone = Callable[[], AbstractContextManager[None]]
NOT_FINITE = "the model failed on this structure or gave a number that is not finite"
log = logging.getLogger(__name__)


def _nobody(work: Work) -> None:
    """Is told what there was not enough memory for, and does nothing."""


def compute(
    model: Model, work: Work, starved: Callable[[Work], None] = _nobody, alone: Alone | None = None
) -> Outputs:
    """Return what the model says of admitted work; NaN for structures on which it fails.

    When it fails on many, each half is tried by itself, so that no structure fails for another. Where there
    is not enough memory for one alone, the outputs have an entry `NO_MEMORY`, 1 for its atoms.

    Args:
        model: who computes.
        work: structures.
        starved: called with each part of the work that there was not enough memory for at once.
        alone: makes room for one structure, which is then tried again: others compute in the same memory.
    """
    try:
        return model.run(work)
    except Exception as error:  # whatever happened, the others are to be answered
        many, no_memory = len(work.counts), is_out_of_memory(error)
        if no_memory:
            starved(work)
        if many == 1 and no_memory and alone is not None:
            with alone():
                return compute(model, work)
        if many == 1:
            return _failed(model, int(work.counts.sum()), no_memory, error)
    halves = [compute(model, work.take(half), starved, alone) for half in np.array_split(np.arange(many), 2)]
    return _joined_halves(halves)


def _failed(model: Model, atoms: int, no_memory: bool, error: Exception) -> Outputs:
    if no_memory:  # the fault of nothing in the server: callers are told, and may ask for such at any time
        log.warning("%s has not enough memory for a structure of %d atoms, even alone", model.name, atoms)
    else:
        log.error("%s failed on a structure of %d atoms: %r", model.name, atoms, error)
    outputs = {head.name: np.full(atoms, np.nan) for head in model.card.heads}
    return outputs | {NO_MEMORY: np.ones(atoms)} if no_memory else outputs


def _joined_halves(halves: Sequence[Outputs]) -> Outputs:
    first, second = halves
    if (NO_MEMORY in first) != (NO_MEMORY in second):
        first, second = (_marked(half) for half in halves)
    return {name: np.concatenate([first[name], second[name]]) for name in first}


def _marked(outputs: Outputs) -> Outputs:
    """Return outputs that tell for each atom whether there was no memory for its structure."""
    return {NO_MEMORY: np.zeros(len(next(iter(outputs.values()))))} | outputs


def finish(model: Model, admission: Admission, outputs: Sequence[Outputs]) -> Explanations:
    """Return the explanations that the outputs of an admission's pieces, in order, make.

    A structure for which the graph gave a number that is not finite fails alone.
    """
    structures, rows = admission.structures, admission.rows
    found = {head.name: _joined([one[head.name] for one in outputs]) for head in admission.heads}
    broken = _broken(structures, rows, found, outputs)
    answered, chosen, raw = rows, structures, found
    if broken or not structures.has_all_in_order(rows):
        answered = np.sort(rows[~np.isin(rows, list(broken))] if broken else rows)
        chosen, atoms = structures.only(answered), structures.atoms_of(answered)
        raw = {name: _placed(structures, rows, values)[atoms] for name, values in found.items()}
    return Explanations(
        len(structures),
        answered,
        chosen.counts,
        tuple(aggregate(head, raw[head.name], chosen, model.card.masses) for head in admission.heads),
        {**admission.failures, **broken},
        tuple(one for one in admission.warnings if one.structure not in broken),
    )


def _joined(parts: Sequence[Floats]) -> Floats:
    return parts[0] if len(parts) == 1 else np.concatenate([NONE, *parts])


def _broken(
    structures: Structures, rows: Integers, found: Mapping[str, Floats], outputs: Sequence[Outputs]
) -> dict[int, ServerError]:
    """Return the errors of structures with a number, in the order of ``rows``, that is not finite."""
    finite = [np.isfinite(values) for values in found.values()]  # (atoms,) of each head
    if all(one.all() for one in finite):
        return {}
    owners = np.repeat(rows, structures.counts[rows])
    broken = np.unique(owners[~np.logical_and.reduce(finite)]).tolist()
    short = set(owners[_joined([_marked(one)[NO_MEMORY] for one in outputs]) > 0].tolist())
    return {row: _error(row, row in short) for row in broken}


def _error(row: int, no_memory: bool) -> ServerError:
    field = f"structures[{row}]"
    return OutOfMemoryError(SHORT, field=field) if no_memory else EngineError(NOT_FINITE, field=field)


def _placed(structures: Structures, rows: Integers, values: Floats) -> Floats:
    """Return values of the atoms of ``rows``, in that order, at their places among all: (atoms,)."""
    placed = np.full(len(structures.numbers), np.nan)
    placed[structures.atoms_of(rows)] = values
    return placed


class Engine:
    """Explains structures with the models of a repository, one batch after another."""

    def __init__(self, repository: Repository, limits: Limits | None = None) -> None:
        self.repository, self.limits = repository, limits or Limits()

    @classmethod
    def open(cls, models: Path | None = None, provider: str = "cpu", limits: Limits | None = None) -> Engine:
        """Return an engine on a directory of models; on the bundled ones for None."""
        return cls(Repository.open(models, provider), limits)

    def explain(self, structures: Structures, model: str, heads: Sequence[str] = ()) -> Explanations:
        """Explain structures with one model.

        Args:
            structures: any number of them; one that breaks a rule fails alone.
            model: MODEL or MODEL@VERSION.
            heads: names of the heads wanted; all for none.

        Raises:
            ServerError: the model or a head cannot be had.
        """
        return self.ask(self.repository.find(model), structures, heads)[0]

    def ask(
        self, model: Model, structures: Structures, heads: Sequence[str]
    ) -> tuple[Explanations, Provenance]:
        """Explain structures with a model of the repository and tell where the answer comes from."""
        admission = admit(model, structures, heads, self.limits)
        start = time.perf_counter()
        outputs = [compute(model, piece) for piece in admission.pieces(self.limits.batch_cost)]
        compute_ms = 1e3 * (time.perf_counter() - start)
        provenance = Provenance.of(model, 0.0, compute_ms, admission.cost)
        return finish(model, admission, outputs), provenance
