"""`atomlens.server.batching.batch`."""

from __future__ import annotations

import numpy as np

from atomlens.server.batching.batch import joined, split

from .scenes import atoms


def test_outputs_are_taken_apart_as_work_was_joined() -> None:
    """Each piece gets those of its atoms, under every name."""
    works = [atoms(1), atoms(2, 3), atoms(4, 5, 6)]
    whole = joined(works)
    assert whole.counts.tolist() == [1] * 6
    parts = split({"a": np.arange(6.0), "b": -np.arange(6.0)}, works)
    assert [part["a"].tolist() for part in parts] == [[0], [1, 2], [3, 4, 5]]
    assert [part["b"].tolist() for part in parts] == [[0], [-1, -2], [-3, -4, -5]]


def test_one_piece_is_the_whole() -> None:
    """It is neither joined nor taken apart."""
    work, outputs = atoms(1, 2), {"a": np.arange(2.0)}
    assert joined([work]) is work
    assert split(outputs, [work]) == [outputs]
