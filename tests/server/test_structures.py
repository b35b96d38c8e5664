"""`atomlens.server.structures`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from atomlens.server.errors import InputError
from atomlens.server.limits import MAX_STRUCTURES
from atomlens.server.model import Model
from atomlens.server.structures import Floats, Structures, ragged_arange
from atomlens.v1 import structures_pb2

Pack = Callable[[Structures], structures_pb2.Structures]


@pytest.fixture
def batch(water: Structures, crystal: Callable[..., Structures]) -> Structures:
    """Water, a crystal and one atom."""
    salt = crystal([6, 8], [[0.0, 0.0, 0.0], [9.0, -9.0, 1.0]], 3.0 * np.eye(3))
    return Structures.concatenate([water, salt, Structures.molecules([1], [7], [[1.0, 2.0, 3.0]])])


def same(one: Structures, other: Structures) -> bool:
    """Return whether all fields are equal."""
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Structures))


def test_a_message_comes_in_as_it_was(batch: Structures, pack: Pack) -> None:
    """Every field survives the wire."""
    assert same(Structures.from_proto(pack(batch)), batch)


def test_fields_that_no_structure_needs_may_be_empty(water: Structures) -> None:
    """Cells, pbc, charges and spins are zero then."""
    message = structures_pb2.Structures(
        counts=np.array([3], "<i4").tobytes(), numbers=bytes([8, 1, 1]), positions=water.positions.tobytes()
    )
    assert same(Structures.from_proto(message), water)
    assert len(Structures.from_proto(structures_pb2.Structures())) == 0


@pytest.mark.parametrize("field", ["numbers", "positions", "cells", "pbc", "charges", "spins"])
@pytest.mark.parametrize(
    "change", [lambda buffer: buffer[:-1], lambda buffer: buffer + buffer], ids=["short", "long"]
)
def test_buffers_must_agree_with_the_counts(
    batch: Structures, pack: Pack, field: str, change: Callable[[bytes], bytes]
) -> None:
    """The error names the field, the shape it must have and how much came."""
    message = pack(batch)
    setattr(message, field, change(getattr(message, field)))
    with pytest.raises(InputError, match=f"`structures.{field}` must be .* got .* bytes") as caught:
        Structures.from_proto(message)
    assert (caught.value.reason, caught.value.field) == ("WRONG_SHAPE", f"structures.{field}")


def test_counts_must_be_counts() -> None:
    """Neither bytes that are no int32 nor negative numbers nor too many of them are taken."""
    for counts in (b"123", np.array([-1], "<i4").tobytes(), np.zeros(MAX_STRUCTURES + 1, "<i4").tobytes()):
        with pytest.raises(InputError) as caught:
            Structures.from_proto(structures_pb2.Structures(counts=counts))
        assert caught.value.field == "structures.counts"


def test_a_count_allocates_nothing() -> None:
    """Counts in the billions are compared with the buffers, not made room for."""
    message = structures_pb2.Structures(counts=np.full(1000, 2**31 - 1, "<i4").tobytes())
    with pytest.raises(InputError, match=r"structures\.numbers"):
        Structures.from_proto(message)


def test_take_gives_the_chosen_in_that_order(batch: Structures) -> None:
    """Taking rows one by one and joining them is taking them together."""
    chosen = [2, 0, 1, 0]
    together = batch.take(chosen)
    assert same(together, Structures.concatenate([batch.take([row]) for row in chosen]))
    assert together.numbers.tolist() == [7, 8, 1, 1, 6, 8, 8, 1, 1]
    assert same(batch.take([]), Structures.molecules([], [], np.zeros((0, 3))))


def test_sums_and_means_are_those_of_plain_loops(batch: Structures, rng: np.random.Generator) -> None:
    """Of scalars and of vectors, in float64."""
    for values in (rng.normal(size=6), rng.normal(size=(6, 3))):
        parts = [values[:3], values[3:5], values[5:]]
        assert np.allclose(batch.sums(values), [part.sum(0) for part in parts], rtol=1e-15)
        assert np.allclose(batch.means(values), [part.mean(0) for part in parts], rtol=1e-15)


def test_sums_over_no_structures_are_empty() -> None:
    """A batch of which nothing is left is no error."""
    nothing = Structures.molecules([], [], np.zeros((0, 3)))
    assert nothing.sums(np.zeros(0)).shape == (0,)
    assert nothing.means(np.zeros((0, 3))).shape == (0, 3)
    assert nothing.placed.positions.shape == (0, 3)


def test_molecules_are_centred_and_crystals_wrapped(batch: Structures) -> None:
    """Afterwards molecules lie about the origin and scaled positions of crystals in [0, 1)."""
    placed = batch.placed.positions
    assert np.abs(placed[:3].mean(0)).max() < 1e-12
    scaled = placed[3:5] / 3.0
    assert (scaled >= 0).all()
    assert (scaled < 1).all()


@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False), (False, True, False)], ids=str)
def test_energies_do_not_depend_on_where_atoms_are_written_down(
    pbc: tuple[bool, ...], model: Model, crystal: Callable[..., Structures], rng: np.random.Generator
) -> None:
    """Unwrapped atoms of crystals, layers and chains give the energies of wrapped ones."""
    cell = np.array([[4.0, 0.0, 0.0], [0.8, 4.4, 0.0], [-0.6, 0.3, 5.0]])
    positions = np.array([[0.2, 0.1, 0.3], [1.4, 1.7, 2.1], [3.0, 0.4, 3.9]])
    images = rng.integers(-9, 10, (3, 3)) * np.array(pbc)
    results: list[Floats] = []
    for moved in (positions, positions + images @ cell, positions + 77.7):
        one = crystal([6, 8, 1], moved, cell, pbc)
        results.append(model.run(model.prepare(one))["energy"])
    assert np.abs(results[1] - results[0]).max() < 1e-5
    assert np.abs(results[2] - results[0]).max() < 1e-5


def test_a_vector_that_does_not_repeat_is_completed_across_the_others(
    crystal: Callable[..., Structures],
) -> None:
    """Whatever stands there, and with the vectors that repeat as they are."""
    cell = np.array([[3.0, 0.0, 0.0], [1.0, 2.0, 0.0], [7.0, 7.0, 0.0]])
    complete = crystal([6], [[0, 0, 0]], cell, (True, True, False)).complete_cells[0]
    assert np.array_equal(complete[:2], cell[:2])
    assert np.allclose(np.abs(complete[2]), [0, 0, 1])


def test_ragged_ranges_are_concatenated() -> None:
    """Empty ones among them, and none at all."""
    assert ragged_arange(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
    assert ragged_arange(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []
