"""Warning: where a structure leaves what the model has seen in training."""

from __future__ import annotations

import numpy as np

from atomlens.server.card import Card
from atomlens.server.close import SLACK, ClosePairs
from atomlens.server.elements import SYMBOLS
from atomlens.server.explanations import Warned
from atomlens.server.structures import Integers
from atomlens.v1 import explanations_pb2


def warn_of_size(card: Card, rows: Integers, counts: Integers) -> list[Warned]:
    """Return the warnings of structures with ``counts`` atoms; ``rows`` are their indices in the request."""
    if not card.max_training_atoms:
        return []
    large = np.flatnonzero(counts > card.max_training_atoms)
    return [
        Warned(
            int(rows[row]),
            explanations_pb2.WARNING_KIND_LARGE_STRUCTURE,
            f"{card.name}: {counts[row]} atoms, more than the {card.max_training_atoms} of any in training",
        )
        for row in large
    ]


def warn_of_pairs(card: Card, close: ClosePairs) -> list[Warned]:
    """Return one warning for each structure with close pairs, naming the one furthest below its limit."""
    close = close.closer_than(close.limits - SLACK)
    if not len(close):
        return []
    close = close.take(np.argsort(close.distances - close.limits, kind="stable"))
    warnings = []
    for row, pair, many in zip(*np.unique(close.rows, return_index=True, return_counts=True), strict=True):
        names = "-".join(SYMBOLS[number] for number in close.elements[pair])
        others = f" ({many - 1} more such pair{'s' if many > 2 else ''})" if many > 1 else ""
        warnings.append(
            Warned(
                int(row),
                explanations_pb2.WARNING_KIND_CLOSE_PAIR,
                f"{card.name}: atoms {close.first[pair]} and {close.second[pair]} ({names}) are "
                f"{close.distances[pair]:.3f} Å apart, closer than the {close.limits[pair]:.3f} Å "
                f"of any such pair in training{others}",
            )
        )
    return warnings
