"""Structures to messages, and answers to explanations."""

from __future__ import annotations

import numpy as np
import pytest
from google.rpc import code_pb2, status_pb2

from atomlens.client import Explanation, Failure, InputError, InternalError, Structure, Structures, wire
from atomlens.v1 import card_pb2, explanations_pb2

STRUCTURES = [
    Structure([8, 1, 1], np.arange(9.0).reshape(3, 3), id="a"),
    Structure([1], [[1.0, 2.0, 3.0]], id="bad"),
    Structure([6, 1], -np.arange(6.0).reshape(2, 3), np.eye(3), [True, True, False], -1.0, 2, id="c"),
]
PROVENANCE = explanations_pb2.Provenance(model="m", version=3, digest="ab", provider="cpu")


def answer() -> explanations_pb2.Explanations:
    """Return an answer to the structures, of which the second failed."""
    energies = np.arange(5.0)
    return explanations_pb2.Explanations(
        counts=np.array([3, 0, 2], "<i4").tobytes(),
        heads=[
            explanations_pb2.HeadExplanation(
                head="energy",
                aggregation=card_pb2.AGGREGATION_SUM,
                unit="eV",
                property_unit="eV",
                properties=np.array([3.0, np.nan, 7.0], "<f8").tobytes(),
                contributions=energies.astype("<f8").tobytes(),
                offset=explanations_pb2.OffsetDetail(
                    model=(energies - 10).astype("<f8").tobytes(), offset=np.full(5, 10.0, "<f8").tobytes()
                ),
            ),
            explanations_pb2.HeadExplanation(
                head="charge",
                aggregation=card_pb2.AGGREGATION_DIPOLE,
                unit="e",
                property_unit="e·Å",
                properties=np.array([0.5, np.nan, 0.7], "<f8").tobytes(),
                contributions=(energies * 2).astype("<f8").tobytes(),
                dipole=explanations_pb2.DipoleDetail(
                    raw=(energies * 3).astype("<f8").tobytes(),
                    vectors=np.arange(9.0).astype("<f8").tobytes(),
                    origins=(-np.arange(9.0)).astype("<f8").tobytes(),
                ),
            ),
        ],
        failures=[
            explanations_pb2.Failure(
                structure=1, status=status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message="bad one")
            )
        ],
        warnings=[
            explanations_pb2.Warning(structure=2, message="close"),
            explanations_pb2.Warning(message="big"),
        ],
    )


def test_encode() -> None:
    """A batch is the structures' atoms one after another, with what any of them needs."""
    message = wire.encode(STRUCTURES)
    assert np.frombuffer(message.counts, "<i4").tolist() == [3, 1, 2]
    assert list(message.numbers) == [8, 1, 1, 1, 6, 1]
    expected = [value for structure in STRUCTURES for row in structure.positions for value in row]
    assert np.frombuffer(message.positions, "<f8").tolist() == expected
    cells = np.frombuffer(message.cells, "<f8").reshape(3, 3, 3)
    assert cells[:2].tolist() == np.zeros((2, 3, 3)).tolist()
    assert cells[2].tolist() == np.eye(3).tolist()
    assert list(message.pbc) == [0] * 6 + [1, 1, 0]
    assert np.frombuffer(message.charges, "<f8").tolist() == [0.0, 0.0, -1.0]
    assert np.frombuffer(message.spins, "<i4").tolist() == [0, 0, 2]


def test_encode_leaves_out() -> None:
    """What no structure needs is not sent."""
    message = wire.encode(STRUCTURES[:2])
    assert (message.cells, message.pbc, message.charges, message.spins) == (b"", b"", b"", b"")


def test_encode_a_batch() -> None:
    """A flat batch becomes the message that its structures one by one become, without a copy of them."""
    assert wire.encode(Structures.of(STRUCTURES)) == wire.encode(STRUCTURES)
    assert wire.encode(Structures.of(STRUCTURES)[1:]) == wire.encode(STRUCTURES[1:])


def test_decode_is_flat() -> None:
    """Answers are arrays of the whole batch, NaN for a structure that failed and for its atoms."""
    found = wire.decode(answer(), PROVENANCE, STRUCTURES)
    nan = np.nan
    energy, charge = found.heads["energy"], found.heads["charge"]
    np.testing.assert_array_equal(energy.properties, [3.0, nan, 7.0])
    np.testing.assert_array_equal(energy.contributions, [0.0, 1.0, 2.0, nan, 3.0, 4.0])
    assert energy.model is not None
    np.testing.assert_array_equal(energy.model, [-10.0, -9.0, -8.0, nan, -7.0, -6.0])
    assert energy.offset is not None
    np.testing.assert_array_equal(energy.offset, [10.0, 10.0, 10.0, nan, 10.0, 10.0])
    assert charge.raw is not None
    np.testing.assert_array_equal(charge.raw, [0.0, 3.0, 6.0, nan, 9.0, 12.0])
    assert charge.vectors is not None
    np.testing.assert_array_equal(charge.vectors, np.arange(9.0).reshape(3, 3))
    assert found.answered.tolist() == [True, False, True]
    assert dict(found.warnings) == {0: ("big",), 2: ("close",)}


def test_decode() -> None:
    """Every structure gets its slices, its warnings and the model; one that failed its own error."""
    first, failed, last = wire.decode(answer(), PROVENANCE, STRUCTURES)
    assert isinstance(first, Explanation)
    assert isinstance(last, Explanation)
    assert isinstance(failed, Failure)
    assert (failed.id, str(failed.error), failed.model) == ("bad", "bad one", "m@3")
    assert isinstance(failed.error, InputError)
    assert first.energies is not None
    assert first.energies.tolist() == [0.0, 1.0, 2.0]
    assert last.energies_model is not None
    assert last.energies_model.tolist() == [-7.0, -6.0]
    assert last.charges_raw is not None
    assert last.charges_raw.tolist() == [9.0, 12.0]
    assert last.dipole is not None
    assert last.dipole.tolist() == [6.0, 7.0, 8.0]
    assert last.dipole_origin is not None
    assert last.dipole_origin.tolist() == [-6.0, -7.0, -8.0]
    assert (last.energy, last.dipole_magnitude) == (7.0, 0.7)
    assert (first.warnings, last.warnings) == (("big",), ("close",))
    assert [str(model) for model in last.models] == ["m@3"]


def test_answers_that_make_no_sense() -> None:
    """Buffers that disagree with the structures are an internal error, not a wrong answer."""
    cut, short, other, strange, warned = answer(), answer(), answer(), answer(), answer()
    cut.heads[0].contributions = cut.heads[0].contributions[:-1]
    short.heads[1].dipole.raw = short.heads[1].dipole.raw[:-8]
    other.counts = np.array([2, 0, 3], "<i4").tobytes()
    strange.failures[0].structure = 3
    warned.warnings[0].structure = 3
    for message in (cut, short, other, strange, warned):
        with pytest.raises(InternalError):
            wire.decode(message, PROVENANCE, STRUCTURES)


def test_ids() -> None:
    """Ids survive the way there and back."""
    assert wire.decode_ids(wire.encode_ids([0, 7, 2**63])).tolist() == [0, 7, 2**63]
