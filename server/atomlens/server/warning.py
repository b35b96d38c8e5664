"""Warning: where a structure leaves what the model has seen in training."""

from __future__ import annotations

import numpy as np

from atomlens.server.card import Card
from atomlens.server.elements import SYMBOLS
from atomlens.server.explanations import Warned
from atomlens.server.structures import Floats, Integers
from atomlens.server.work import Work
from atomlens.v1 import explanations_pb2

SLACK = 1e-4  # Å: a training molecule, rounded to float32, is no extrapolation


def warn(card: Card, rows: Integers, work: Work, distances: Floats) -> tuple[Warned, ...]:
    """Return the warnings of a batch; ``rows`` are the structures' indices in the request."""
    return (*_large_structures(card, rows, work), *_close_pairs(card, rows, work, distances))


def _large_structures(card: Card, rows: Integers, work: Work) -> list[Warned]:
    counts = work.structures.counts
    large = np.flatnonzero((counts > card.max_training_atoms) & (card.max_training_atoms > 0))
    return [
        Warned(
            int(rows[row]),
            explanations_pb2.WARNING_KIND_LARGE_STRUCTURE,
            f"{card.name}: {counts[row]} atoms, more than the {card.max_training_atoms} of any in training",
        )
        for row in large
    ]


def _close_pairs(card: Card, rows: Integers, work: Work, distances: Floats) -> list[Warned]:
    """Return one warning for each structure with close pairs, naming the one furthest below its limit."""
    atoms, pairs = work.structures, work.pairs
    numbers = atoms.numbers
    limits = card.closest[numbers[pairs.centers], numbers[pairs.neighbors]]  # (pairs,)
    close = np.flatnonzero((distances < limits - SLACK) & (pairs.centers <= pairs.neighbors))
    close = close[np.argsort((distances - limits)[close], kind="stable")]
    owners = atoms.owners[pairs.centers[close]]
    warnings = []
    for row, first, many in zip(*np.unique(owners, return_index=True, return_counts=True), strict=True):
        pair = close[first]
        i, j = (int(end[pair] - atoms.offsets[row]) for end in (pairs.centers, pairs.neighbors))
        names = "-".join(SYMBOLS[numbers[end[pair]]] for end in (pairs.centers, pairs.neighbors))
        others = f" ({many - 1} more such pair{'s' if many > 2 else ''})" if many > 1 else ""
        warnings.append(
            Warned(
                int(rows[row]),
                explanations_pb2.WARNING_KIND_CLOSE_PAIR,
                f"{card.name}: atoms {i} and {j} ({names}) are {distances[pair]:.3f} Å apart, closer than "
                f"the {limits[pair]:.3f} Å of any such pair in training{others}",
            )
        )
    return warnings
