"""Embedding: the learned vectors of a model's elements, their principal components and their cosines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from atomlens.server.buffers import encode
from atomlens.server.card import NUMBERS
from atomlens.server.errors import UnusableModelError
from atomlens.server.periodic_table import place
from atomlens.server.structures import Floats, Integers
from atomlens.v1 import card_pb2, embedding_pb2


class Components(NamedTuple):
    """Principal components of centred rows, in the order of their variance."""

    variance_ratios: Floats  # (components,)
    directions: Floats  # (components, features), orthonormal
    scores: Floats  # (elements, components)


@dataclass(frozen=True, slots=True)
class Embedding:
    """One row for each element that was in training."""

    numbers: Integers  # (elements,), ascending
    rows: Floats  # (elements, features)
    training_atoms: Integers | None  # (elements,), None when the card does not say

    @classmethod
    def from_card(cls, card: card_pb2.ModelCard) -> Embedding:
        """Return the embedding on a card.

        Raises:
            UnusableModelError: the card has none, or one that makes no sense.
        """
        rows = sorted(card.embedding, key=lambda row: row.number)
        if not rows:
            raise UnusableModelError(
                f"{card.name} has no embedding: networks of the family {card.family!r} learn none",
                "NO_EMBEDDING",
                "model",
            )
        _check(card.name, rows)
        numbers = np.array([row.number for row in rows], np.int64)
        values = np.array([row.values for row in rows], np.float64)
        return cls(numbers, values, _training_atoms(card, numbers))

    def to_proto(self) -> embedding_pb2.Embedding:
        """Return the message for the wire."""
        components = principal_components(self.rows)
        places = np.array([place(number) for number in self.numbers.tolist()])  # (elements, 2)
        atoms = self.training_atoms
        return embedding_pb2.Embedding(
            numbers=encode(self.numbers, "u1"),
            groups=encode(places[:, 0], "u1"),
            periods=encode(places[:, 1], "u1"),
            training_atoms=b"" if atoms is None else encode(atoms, "<u8"),
            features=self.rows.shape[1],
            rows=encode(self.rows, "<f8"),
            variance_ratios=encode(components.variance_ratios, "<f8"),
            components=encode(components.directions, "<f8"),
            scores=encode(components.scores, "<f8"),
            cosines=encode(cosines(self.rows), "<f8"),
        )


def principal_components(rows: Floats) -> Components:
    """Return the components of rows (elements, features), those without variance left out.

    X = rows − mean = U S Vᵀ: directions Vᵀ, scores U S, variance ratios s² / Σ s². Of each direction the
    loading of largest magnitude, the first of several, is positive.
    """
    centred = rows - rows.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    rounding = max(rows.shape) * np.finfo(np.float64).eps * np.linalg.norm(rows)
    kept = singular > rounding
    singular, directions = singular[kept], directions[kept]
    largest = np.abs(directions).argmax(axis=1)  # (components,)
    directions = directions * np.sign(directions[np.arange(len(largest)), largest])[:, None]
    return Components(singular**2 / (singular**2).sum(), directions, centred @ directions.T)


def cosines(rows: Floats) -> Floats:
    """Return a_i · a_j / (|a_i| |a_j|) of rows (elements, features) as they are: (elements, elements).

    The rows are not centred. A network reads them through a linear map without bias, so that their origin
    means something: an element with a row of zeros would send its neighbors nothing. Besides, centring pushes
    the cosines of n elements towards −1 / (n − 1), which leaves little of those of two or four elements.
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    between: Floats = np.clip(units @ units.T, -1.0, 1.0)
    return between


def _check(name: str, rows: list[card_pb2.EmbeddingRow]) -> None:
    numbers = [row.number for row in rows]
    if len(set(numbers)) < len(numbers) or not 0 < numbers[0] <= numbers[-1] < NUMBERS:
        raise _broken(name, f"must have different atomic numbers of 1 to {NUMBERS - 1}, got {numbers}")
    lengths = {len(row.values) for row in rows}
    if len(lengths) > 1 or 0 in lengths:
        raise _broken(name, f"must have rows of one length, got {sorted(lengths)}")
    if not all(np.isfinite(row.values).all() for row in rows):
        raise _broken(name, "must be finite")


def _broken(name: str, rule: str) -> UnusableModelError:
    return UnusableModelError(f"{name}: card.json: `embedding` {rule}", "MODEL_FAILED", "model")


def _training_atoms(card: card_pb2.ModelCard, numbers: Integers) -> Integers | None:
    """Return how many atoms of each element the card's statistics count; every head counts the same atoms."""
    if not card.contributions:
        return None
    counts = {row.number: row.atoms for row in card.contributions}
    return np.array([counts.get(number, 0) for number in numbers.tolist()], np.int64)
