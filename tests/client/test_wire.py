"""Structures to messages, and answers to explanations."""

from __future__ import annotations

import numpy as np
import pytest
from google.rpc import code_pb2, status_pb2

from atomlens.client import Explanation, Failure, InputError, InternalError, Structure, wire
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
    cut, short, other = answer(), answer(), answer()
    cut.heads[0].contributions = cut.heads[0].contributions[:-1]
    short.heads[1].dipole.raw = short.heads[1].dipole.raw[:-8]
    other.counts = np.array([2, 0, 3], "<i4").tobytes()
    for message in (cut, short, other):
        with pytest.raises(InternalError):
            wire.decode(message, PROVENANCE, STRUCTURES)


def test_size() -> None:
    """A structure that fits into no message is refused before it is sent."""
    with pytest.raises(InputError, match="to fit into a message") as caught:
        wire.check_size(Structure(np.ones(600_000, np.int64), np.zeros((600_000, 3))))
    assert caught.value.reason == "MESSAGE_TOO_LARGE"


def test_ids() -> None:
    """Ids survive the way there and back."""
    assert wire.decode_ids(wire.encode_ids([0, 7, 2**63])) == [0, 7, 2**63]
