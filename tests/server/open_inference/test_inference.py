"""`atomlens.server.open_inference.inference`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from atomlens.server.errors import InputError, UnknownModelError
from atomlens.server.limits import MAX_STRUCTURES
from atomlens.server.open_inference.inference import Inference, find
from atomlens.server.repository import Repository
from tests.server.open_inference.requests import WATER, infer_request

MODEL = "toy-schnet-energy"


def read(repository: Repository, outputs: tuple[str, ...] = (), **arrays: Any) -> Inference:
    """Return a request for water with other tensors, None for none."""
    tensors = {name: array for name, array in {**WATER, **arrays}.items() if array is not None}
    return Inference.from_proto(infer_request(MODEL, tensors, outputs), repository)


def test_structures_are_read_from_tensors(repository: Repository) -> None:
    """What is left out is as it is most often."""
    found = read(repository, atoms=np.array([1, 2])).structures
    assert found.counts.tolist() == [1, 2]
    assert found.numbers.tolist() == WATER["numbers"].tolist()
    assert found.are_plain
    whole = read(
        repository,
        atoms=None,
        cells=np.eye(3)[None],
        pbc=np.array([[True, False, False]]),
        charges=np.array([1.0]),
        spins=np.array([2]),
    ).structures
    assert whole.counts.tolist() == [3]
    assert whole.cells.tolist() == np.eye(3)[None].tolist()
    assert whole.pbc.tolist() == [[True, False, False]]
    assert (whole.charges.tolist(), whole.spins.tolist()) == ([1.0], [2])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"numbers": None}, "`inputs` must have `numbers`, got positions, atoms"),
        ({"numbers": None, "positions": None, "atoms": None}, "must have `numbers`, got none"),
        ({"numbers": np.array([8, 1])}, "`atoms` must be numbers of atoms that make 2 together"),
        ({"numbers": np.array([8, 1]), "atoms": None}, "`positions` must be of 2 atoms, got 3"),
        ({"atoms": np.array([4, -1])}, "`atoms` must be numbers of atoms that make 3 together"),
        ({"atoms": np.array([2**63 - 1, 2**63 - 1, 5])}, "`atoms` must be numbers of atoms"),
        ({"charges": np.zeros(2)}, "`charges` must be of 1 structures, got 2"),
        ({"cells": np.zeros((0, 3, 3))}, "`cells` must be of 1 structures, got 0"),
    ],
)
def test_tensors_that_disagree_are_refused(
    repository: Repository, arrays: dict[str, Any], message: str
) -> None:
    """Each is measured against the others; sums that overflow deceive nobody."""
    with pytest.raises(InputError, match=message):
        read(repository, **arrays)


def test_too_many_structures_are_refused(repository: Repository) -> None:
    """As many as a message of our own may hold, no more."""
    with pytest.raises(InputError, match=f"`atoms` must be of at most {MAX_STRUCTURES} structures") as caught:
        read(repository, atoms=np.zeros(MAX_STRUCTURES + 1, np.int64))
    assert caught.value.reason == "REQUEST_TOO_LARGE"


def test_only_heads_that_are_wanted_are_asked_for(repository: Repository) -> None:
    """One where nothing but errors is wanted: there must be something to fail."""
    assert read(repository).heads == ["energy"]
    errors = read(repository, ("errors",))
    assert errors.heads == ["energy"]
    assert errors.takes_failures
    assert not read(repository, ("energy.model",)).takes_failures


def test_classes_are_no_answer(repository: Repository) -> None:
    """A classification of energies is refused instead of ignored."""
    request = infer_request(MODEL, outputs=["energy.properties"])
    request.outputs[0].parameters["classification"].int64_param = 3
    with pytest.raises(InputError, match="classification is not offered"):
        Inference.from_proto(request, repository)


def test_a_version_is_part_of_the_name(repository: Repository) -> None:
    """In a field of its own or behind an @, not in both."""
    assert find(repository, MODEL, "1") is find(repository, MODEL, "") is find(repository, f"{MODEL}@1", "")
    for name, version in ((f"{MODEL}@1", "1"), (MODEL, "2"), (MODEL, "latest"), ("", "")):
        with pytest.raises(UnknownModelError):
            find(repository, name, version)
