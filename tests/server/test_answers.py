"""`atomlens.server.answers`."""

from __future__ import annotations

import pytest

from atomlens.server import answers
from atomlens.server.catalog import Entry, State
from atomlens.server.errors import UnknownModelError
from atomlens.server.repository import Repository
from atomlens.v1 import model_service_pb2


def test_models_that_serve_and_models_that_failed_are_listed(repository: Repository) -> None:
    """With all that there is to know of them."""
    failed = Entry("broken", 3, State.FAILED, "atoms.onnx: cannot be read")
    listed = answers.list_models(Repository(repository.models, [failed])).models
    assert [one.name for one in listed] == [*sorted(model.name for model in repository.models), "broken"]
    first, last = listed[0], listed[-1]
    assert (first.name, first.version, first.family) == ("toy-bpnn-dipole", 1, "bpnn")
    assert (list(first.heads), list(first.elements), first.is_default) == (["charge"], [1, 6, 7, 8], True)
    assert (first.provider, first.state) == ("cpu", model_service_pb2.MODEL_STATE_READY)
    assert (last.version, last.state, last.is_default) == (3, model_service_pb2.MODEL_STATE_FAILED, False)
    assert last.reason == "atoms.onnx: cannot be read"


def test_a_model_is_told_with_its_card(repository: Repository) -> None:
    """The card as it lies on the disk."""
    answer = answers.get_model(repository, "toy-schnet-dipole@1")
    assert answer.status.digest == repository.find("toy-schnet-dipole").digest
    assert (answer.card.name, answer.card.family) == ("toy-schnet-dipole", "schnet")
    assert answer.card.embedding
    with pytest.raises(UnknownModelError):
        answers.get_model(repository, "toy-schnet-dipole@2")
