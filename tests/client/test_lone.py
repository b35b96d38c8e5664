"""`atomlens.client.lone`: what it makes and reads is what `wire` makes and reads of a batch of one."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from google.rpc import code_pb2, status_pb2

from atomlens.client import Explanation, Failure, InternalError, Structure, wire
from atomlens.client.explanation import Outcome
from atomlens.client.lone import lone_request, read_lone
from atomlens.v1 import card_pb2, explanations_pb2
from atomlens.v1.explanation_service_pb2 import ExplainResponse
from atomlens.v1.explanations_pb2 import DipoleDetail, Explanations, HeadExplanation, OffsetDetail, Provenance

PLACES = np.arange(9.0).reshape(3, 3)
STRUCTURES = {
    "plain": Structure([8, 1, 1], PLACES),
    "named": Structure([8, 1, 1], PLACES, id="water"),
    "of nothing": Structure([], np.zeros((0, 3))),
    "with a cell": Structure([8, 1, 1], PLACES, np.eye(3)),
    "with a cell of zeros": Structure([8, 1, 1], PLACES, np.zeros((3, 3))),
    "periodic": Structure([8, 1, 1], PLACES, np.eye(3), [True, False, True]),
    "charged": Structure([8, 1, 1], PLACES, charge=-1.0),
    "with a spin": Structure([8, 1, 1], PLACES, spin=3),
    "in another order": Structure([8, 1, 1], np.asfortranarray(PLACES)),
    "unpickled": pickle.loads(pickle.dumps(Structure([8, 1, 1], PLACES))),
}
WATER = STRUCTURES["named"]


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_request_is_that_of_a_batch_of_one(name: str) -> None:
    """Byte for byte, whatever the structure has."""
    one = STRUCTURES[name]
    request = lone_request("a@3", one)
    assert (request.model.name, request.model.digest, list(request.heads)) == ("a@3", "", [])
    assert request.structures == wire.encode([one])


def floats(*values: float) -> bytes:
    """Return numbers as they are on the wire."""
    return np.array(values, "<f8").tobytes()


def answer() -> ExplainResponse:
    """Return an answer about water, of an energy, a charge and a head without details."""
    energy = HeadExplanation(
        head="energy",
        aggregation=card_pb2.AGGREGATION_SUM,
        properties=floats(6.0),
        contributions=floats(1, 2, 3),
        offset=OffsetDetail(model=floats(0.5, 1, 2), offset=floats(0.5, 1, 1)),
        unit="u",
        property_unit="v",
    )
    charge = HeadExplanation(
        head="charge",
        aggregation=card_pb2.AGGREGATION_DIPOLE,
        properties=floats(0.7),
        contributions=floats(-2, 1, 1),
        dipole=DipoleDetail(raw=floats(-1, 2, 2), vectors=floats(1, 2, 3), origins=floats(4, 5, 6)),
        unit="u",
        property_unit="v",
    )
    other = HeadExplanation(
        head="other",
        aggregation=card_pb2.AGGREGATION_SECOND_MOMENT,
        properties=floats(9.0),
        contributions=floats(7, 8, 9),
        unit="u",
        property_unit="v",
    )
    return ExplainResponse(
        explanations=Explanations(counts=np.array([3], "<i4").tobytes(), heads=[energy, charge, other]),
        provenance=Provenance(model="m", version=3, digest="ab", provider="cpu"),
    )


def as_of_a_batch(response: ExplainResponse) -> Outcome:
    """Return the outcome of the answer, read as that to a batch of one."""
    return wire.decode(response.explanations, response.provenance, [WATER])[0]


def test_an_answer_is_that_to_a_batch_of_one() -> None:
    """Every value of every head; the structure is the one that was asked about."""
    ours, batch = read_lone(answer(), WATER), as_of_a_batch(answer())
    assert isinstance(ours, Explanation)
    assert isinstance(batch, Explanation)
    assert ours.structure is WATER
    assert (ours.models, ours.warnings) == (batch.models, ())
    assert list(ours.heads) == list(batch.heads) == ["energy", "charge", "other"]
    for name, head in ours.heads.items():
        for field in head.__dataclass_fields__:
            mine, other = getattr(head, field), getattr(batch.heads[name], field)
            assert type(mine) is type(other)
            assert np.array_equal(mine, other)
            assert not isinstance(mine, np.ndarray) or not mine.flags.writeable


def test_warnings_are_told() -> None:
    """In order."""
    response = answer()
    for message in ("close", "large"):
        response.explanations.warnings.append(explanations_pb2.Warning(message=message))
    outcome = read_lone(response, WATER)
    assert isinstance(outcome, Explanation)
    assert outcome.warnings == ("close", "large")


def test_a_failure_is_told() -> None:
    """With what it is a failure of."""
    response = answer()
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message="`structures[0].positions` is bad")
    response.explanations.failures.append(explanations_pb2.Failure(structure=0, status=status))
    response.explanations.counts = np.array([0], "<i4").tobytes()
    for head in response.explanations.heads:
        for part in (head, head.offset if head.HasField("offset") else head.dipole):
            for field, value in part.ListFields():
                if isinstance(value, bytes) and field.name in ("contributions", "model", "offset", "raw"):
                    setattr(part, field.name, b"")
    outcome, batch = read_lone(response, WATER), as_of_a_batch(response)
    assert isinstance(outcome, Failure)
    assert isinstance(batch, Failure)
    assert (str(outcome.error), outcome.id, outcome.model) == ("`positions` is bad", "water", "m@3")
    assert str(outcome) == str(batch)


Damage = Callable[[ExplainResponse], object]
DAMAGES: dict[str, Damage] = {
    "other atoms": lambda it: setattr(it.explanations, "counts", np.array([2], "<i4").tobytes()),
    "more structures": lambda it: setattr(it.explanations, "counts", np.array([3, 3], "<i4").tobytes()),
    "nothing": lambda it: it.explanations.Clear(),
    "a number too few": lambda it: setattr(it.explanations.heads[0], "contributions", floats(1, 2)),
    "cut off": lambda it: setattr(it.explanations.heads[0].offset, "model", floats(1, 2, 3)[:-1]),
    "no property": lambda it: setattr(it.explanations.heads[0], "properties", b""),
    "a dipole in a plane": lambda it: setattr(it.explanations.heads[1].dipole, "vectors", floats(1, 2)),
    "a warning of another": lambda it: it.explanations.warnings.append(explanations_pb2.Warning(structure=1)),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_an_answer_that_makes_no_sense_is_an_internal_error(name: str) -> None:
    """In the words that a batch has for it."""
    response = answer()
    DAMAGES[name](response)
    with pytest.raises(InternalError) as batch:
        as_of_a_batch(response)
    with pytest.raises(InternalError) as ours:
        read_lone(response, WATER)
    assert str(ours.value) == str(batch.value)
