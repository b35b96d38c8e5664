"""Engine: structures in, explanations out, with no server around it.

The three steps stand apart so that a server can queue and batch between them:
`admit` validates and finds neighbors, `compute` runs the model, `finish` makes properties of contributions.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from atomlens.server.card import Head
from atomlens.server.errors import EngineError, ServerError
from atomlens.server.explanations import Explanations
from atomlens.server.heads import aggregate
from atomlens.server.limits import Limits
from atomlens.server.model import Model, Outputs
from atomlens.server.provenance import Provenance
from atomlens.server.repository import Repository
from atomlens.server.structures import Floats, Integers, Structures
from atomlens.server.validation import check, check_pairs
from atomlens.server.warning import warn
from atomlens.server.work import Work

NOT_FINITE = "the model failed on this structure or gave a number that is not finite"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a batch at the door."""

    structures: Structures  # all of them, as they came
    heads: tuple[Head, ...]
    rows: Integers  # those admitted, ascending
    work: Work  # of those admitted
    distances: Floats  # (pairs,) Å, of the work's pairs
    failures: dict[int, ServerError]  # of the others

    def without(self, failures: Mapping[int, ServerError]) -> Admission:
        """Return the admission with more failures, by index among those admitted."""
        if not failures:
            return self
        kept = np.setdiff1d(np.arange(len(self.rows)), list(failures))
        work = self.work.take(kept)
        more = {int(self.rows[index]): error for index, error in failures.items()}
        return replace(
            self,
            rows=self.rows[kept],
            work=work,
            distances=_distances(work),
            failures={**self.failures, **more},
        )


def admit(model: Model, structures: Structures, heads: Sequence[str], limits: Limits) -> Admission:
    """Return the structures that the model can take, with their neighbors, and the errors of the others.

    Raises:
        InputError: a head is unknown, or the batch is too large as a whole.
    """
    return admit_for(model, structures, model.heads(heads), limits)


def admit_for(model: Model, structures: Structures, heads: tuple[Head, ...], limits: Limits) -> Admission:
    """Return what `admit` returns, for properties of these heads or, of none, for no property at all.

    Raises:
        InputError: the batch is too large as a whole.
    """
    failures: dict[int, ServerError] = dict(check(structures, model.card, heads, limits))
    rows = np.setdiff1d(np.arange(len(structures)), list(failures))
    chosen = structures if len(rows) == len(structures) else structures.take(rows)
    work = model.prepare(chosen, limits)
    distances = _distances(work)
    late = check_pairs(work, rows, distances, limits)
    return Admission(structures, heads, rows, work, distances, failures).without(late)


def compute(model: Model, work: Work) -> Outputs:
    """Return what the model says of admitted work; NaN for structures on which it fails.

    When it fails on many, each half is tried by itself, so that no structure fails for another.
    """
    try:
        return model.run(work)
    except Exception as error:  # whatever happened, the others are to be answered
        many = len(work.structures)
        if many == 1:
            log.error("%s failed on a structure: %r", model.name, error)
            return {head.name: np.full(len(work.structures.numbers), np.nan) for head in model.card.heads}
    halves = [compute(model, work.take(half)) for half in np.array_split(np.arange(many), 2)]
    return {name: np.concatenate([half[name] for half in halves]) for name in halves[0]}


def finish(model: Model, admission: Admission, outputs: Sequence[Outputs]) -> Explanations:
    """Return the explanations that the outputs of an admission's pieces, in order, make.

    A structure for which the graph gave a number that is not finite fails alone.
    """
    raw = {
        head.name: np.concatenate([np.zeros(0), *(piece[head.name] for piece in outputs)])
        for head in admission.heads
    }
    finite = np.all([np.isfinite(values) for values in raw.values()], axis=0)  # (atoms,)
    if not finite.all():
        owners = admission.work.structures.owners
        broken = np.unique(owners[~finite]).tolist()
        whole = ~np.isin(owners, broken)
        raw = {name: values[whole] for name, values in raw.items()}
        fields = {row: f"structures[{admission.rows[row]}]" for row in broken}
        admission = admission.without({row: EngineError(NOT_FINITE, field=fields[row]) for row in broken})
    structures = admission.structures.take(admission.rows)
    return Explanations(
        len(admission.structures),
        admission.rows,
        structures.counts,
        tuple(aggregate(head, raw[head.name], structures, model.card.masses) for head in admission.heads),
        admission.failures,
        warn(model.card, admission.rows, admission.work, admission.distances),
    )


def _distances(work: Work) -> Floats:
    """Return the length of each pair in Å: (pairs,)."""
    positions = work.structures.positions
    vectors = positions[work.pairs.neighbors] + work.pairs.shifts - positions[work.pairs.centers]
    distances: Floats = np.sqrt((vectors**2).sum(1))
    return distances


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
        outputs = [compute(model, piece) for piece in admission.work.pieces(self.limits.batch_cost)]
        compute_ms = 1e3 * (time.perf_counter() - start)
        provenance = Provenance.of(model, 0.0, compute_ms, admission.work.cost)
        return finish(model, admission, outputs), provenance
