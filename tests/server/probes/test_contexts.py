"""`atomlens.server.probes.contexts`: with models that count how often they are asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from atomlens.server.model import Context, Model
from atomlens.server.probes.contexts import Contexts
from atomlens.server.probes.places import PointList
from atomlens.server.probes.probe import Probe
from atomlens.server.repository import Repository
from atomlens.server.structures import Structures
from atomlens.server.table_work import TableWork

ATOM_BYTES = 24  # of a context of two layers and three features


class Counting:
    """Stands in for a model, whose context is the number of times that it was asked."""

    def __init__(self, digest: str = "ab", provider: str = "cpu") -> None:
        self.digest, self.provider, self.asked = digest, provider, 0

    def context(self, work: TableWork) -> Context:
        """Return a context."""
        self.asked += 1
        return np.full((2, len(work.structures.numbers), 3), self.asked, np.float32)


def probe_of(model: Any, structure: Structures) -> Any:
    """Return what contexts read of a probe."""
    return SimpleNamespace(model=model, work=SimpleNamespace(structures=structure))


def chain(atoms: int) -> Structures:
    """Return atoms in a row."""
    return Structures.molecules([atoms], [1] * atoms, np.arange(atoms)[:, None] * [1.0, 0.0, 0.0])


def test_a_structure_is_computed_once(
    model: Model, water: Structures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever probes are carried around it, and the context is the model's."""
    asked: list[TableWork] = []
    real = model.context

    def spy(work: TableWork) -> Context | None:
        asked.append(work)
        return real(work)

    monkeypatch.setattr(model, "context", spy)
    contexts = Contexts(2**20)
    for element, point in ((1, 0.0), (8, 3.0), (1, 3.0)):
        probe = Probe.of(model, water, np.array([element]), PointList(np.full((1, 3), point)))
        assert np.array_equal(contexts.of(probe), real(probe.work))  # type: ignore[arg-type]
    assert len(asked) == 1


CHANGES: dict[str, Callable[[Structures], Structures]] = {
    "numbers": lambda water: replace(water, numbers=np.array([7, 1, 1])),
    "positions": lambda water: replace(water, positions=water.positions * 1.01),
    "cells": lambda water: replace(water, cells=np.eye(3)[None]),
    "pbc": lambda water: replace(water, pbc=np.array([[True, False, False]])),
}


def test_what_differs_is_computed_by_itself(water: Structures) -> None:
    """Another structure, another model, another provider."""
    contexts, counting = Contexts(2**20), Counting()
    others = [counting, Counting("cd"), Counting(provider="cuda")]
    for model in others:
        contexts.of(probe_of(model, water))
    for change in CHANGES.values():
        contexts.of(probe_of(counting, change(water)))
    assert [model.asked for model in others] == [1 + len(CHANGES), 1, 1]
    contexts.of(probe_of(counting, water))
    assert counting.asked == 1 + len(CHANGES)


def test_the_one_asked_for_last_goes_last() -> None:
    """Room is made as soon as the bytes kept are more than there may be."""
    contexts, model = Contexts(10 * ATOM_BYTES), Counting()
    for atoms in (2, 3, 5, 2):  # 10 atoms are kept
        contexts.of(probe_of(model, chain(atoms)))
    assert model.asked == 3
    contexts.of(probe_of(model, chain(1)))  # in the place of 3
    for atoms in (2, 5, 1):
        contexts.of(probe_of(model, chain(atoms)))
    assert model.asked == 4
    contexts.of(probe_of(model, chain(3)))  # in the place of 2
    for atoms in (5, 1, 3):
        contexts.of(probe_of(model, chain(atoms)))
    assert model.asked == 5


@pytest.mark.parametrize("atoms", [0, 3])
def test_what_is_larger_than_all_room_is_not_kept(atoms: int) -> None:
    """And drives nothing out; without room every probe computes its own."""
    contexts, model = Contexts(atoms * ATOM_BYTES), Counting()
    small = probe_of(model, chain(atoms or 1))
    contexts.of(small)
    for _ in range(2):
        contexts.of(probe_of(model, chain(4)))
    contexts.of(small)
    assert model.asked == (3 if atoms else 4)


def test_models_without_a_context_have_none(repository: Repository, water: Structures) -> None:
    """Their probes feel elements alone."""
    model = repository.find("toy-bpnn-energy")
    assert Contexts(2**20).of(Probe.of(model, water, np.array([1]), PointList(np.zeros((1, 3))))) is None


def test_many_may_ask_at_once() -> None:
    """All get a context of their structure, and what several computed takes room once."""
    threads = 8
    barrier = threading.Barrier(threads)

    class Together(Counting):
        def context(self, work: TableWork) -> Context:
            barrier.wait(30)
            return super().context(work)

    contexts, model = Contexts(3 * ATOM_BYTES), Together()
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(contexts.of, [probe_of(model, chain(2))] * threads))
    assert all(context is not None and context.shape == (2, 2, 3) for context in found)
    counting = Counting()
    contexts.of(probe_of(counting, chain(1)))
    for atoms in (1, 2):
        contexts.of(probe_of(counting if atoms == 1 else model, chain(atoms)))
    assert counting.asked == 1


def test_contexts_go_with_their_model(water: Structures) -> None:
    """Their room is free for others; those of other models stay."""
    contexts, gone, other = Contexts(6 * ATOM_BYTES), Counting("ab"), Counting("cd")
    for model in (gone, other):
        contexts.of(probe_of(model, water))
    contexts.forget("ab")
    contexts.forget("never seen")
    contexts.of(probe_of(gone, water))
    contexts.of(probe_of(other, water))
    assert (gone.asked, other.asked) == (2, 1)
