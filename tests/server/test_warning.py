"""`atomlens.server.warning`."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from atomlens.server.admission import admit
from atomlens.server.card import Card
from atomlens.server.explanations import Warned
from atomlens.server.limits import Limits
from atomlens.server.model import Model
from atomlens.server.structures import Structures
from atomlens.v1.explanations_pb2 import WARNING_KIND_CLOSE_PAIR, WARNING_KIND_LARGE_STRUCTURE


@pytest.fixture
def card(model: Model) -> Card:
    """A model that saw O-H at 0.9 Å and H-H at 1.4 Å, never O-O, in structures of up to four atoms."""
    closest = np.full_like(model.card.closest, model.card.cutoff_angstrom)
    closest[8, 1] = closest[1, 8] = 0.9
    closest[1, 1] = 1.4
    return replace(model.card, closest=closest, max_training_atoms=4)


def warnings(card: Card, model: Model, structures: Structures) -> tuple[Warned, ...]:
    """Return the warnings of a batch that is admitted."""
    like = copy(model)
    like.bundle = replace(model.bundle, card=card)
    return admit(like, structures, (), Limits()).warnings


def test_what_was_seen_in_training_is_not_warned_of(card: Card, model: Model, water: Structures) -> None:
    """At exactly the closest distance too, give or take the rounding of float32."""
    assert warnings(card, model, water) == ()
    edge = Structures.molecules([2], [8, 1], np.array([[0, 0, 0], [np.float32(0.9) - 1e-6, 0, 0]]))
    assert warnings(card, model, edge) == ()


def test_the_worst_close_pair_is_named(card: Card, model: Model, water: Structures) -> None:
    """One warning for each structure: the pair furthest below its limit, and how many others there are."""
    squeezed = Structures.molecules([3], [8, 1, 1], [[0.0, 0.0, 0.0], [0.8, 0.0, 0.0], [0.0, 0.5, 0.0]])
    (one,) = warnings(card, model, Structures.concatenate([water, squeezed, water]))
    assert (one.structure, one.kind) == (1, WARNING_KIND_CLOSE_PAIR)
    assert "atoms 1 and 2 (H-H) are 0.943 Å apart, closer than the 1.400 Å" in one.message
    assert one.message.endswith("(2 more such pairs)")
    bent = Structures.molecules([3], [8, 1, 1], [[0.0, 0.0, 0.0], [0.8, 0.0, 0.0], [0.0, 1.0, 0.0]])
    (one,) = warnings(card, model, bent)
    assert one.message.endswith("(1 more such pair)")


def test_pairs_that_never_met_in_training_are_warned_of(card: Card, model: Model) -> None:
    """Anywhere within the cutoff, in the request's own counting of structures."""
    peroxide = Structures.molecules([2], [8, 8], [[0.0, 0.0, 0.0], [4.9, 0.0, 0.0]])
    bad = replace(peroxide, charges=np.array([3.0]))
    (one,) = warnings(card, model, Structures.concatenate([bad, peroxide]))
    assert one.structure == 1
    assert "(O-O)" in one.message
    assert "more such" not in one.message


def test_structures_larger_than_any_in_training_are_warned_of(card: Card, model: Model) -> None:
    """With both sizes; a card that tells no size warns of none."""
    five = Structures.molecules([5], [1] * 5, np.arange(5)[:, None] * [3.0, 0.0, 0.0])
    (one,) = warnings(card, model, five)
    assert (one.structure, one.kind) == (0, WARNING_KIND_LARGE_STRUCTURE)
    assert "5 atoms, more than the 4 of any in training" in one.message
    assert warnings(replace(card, max_training_atoms=0), model, five) == ()


def test_many_warnings_take_no_time(card: Card, model: Model) -> None:
    """Twenty thousand structures with close pairs are looked at together."""
    many = 20_000
    pairs = np.tile([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]], (many, 1))
    found = warnings(card, model, Structures.molecules([2] * many, [1] * 2 * many, pairs))
    assert [one.structure for one in found] == list(range(many))
