"""`atomlens.server.answers`."""

from __future__ import annotations

from dataclasses import replace

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


def test_every_state_is_told(repository: Repository) -> None:
    """With what there is to know of it; and what is wrong with the repository."""
    (model,) = (one for one in repository.models if one.name == "toy-bpnn-energy")
    others = [
        Entry("m", 1, State.SET_ASIDE),
        Entry("m", 2, State.LOADING),
        Entry("m", 3, State.DRAINING, digest="ab"),
    ]
    told = Repository([model], others)
    told.trouble = "the volume is gone"
    for listed in (answers.list_models(told), answers.refreshed(told)):
        assert listed.trouble == "the volume is gone"
        assert [(one.version, one.state, one.digest) for one in listed.models] == [
            (1, model_service_pb2.MODEL_STATE_READY, model.digest),
            (1, model_service_pb2.MODEL_STATE_SET_ASIDE, ""),
            (2, model_service_pb2.MODEL_STATE_LOADING, ""),
            (3, model_service_pb2.MODEL_STATE_DRAINING, "ab"),
        ]


def test_what_is_wrong_with_the_files_of_a_model_that_serves_is_told(repository: Repository) -> None:
    """Wherever its status is."""
    model = repository.find("toy-schnet-energy")
    told = Repository([], [replace(Entry.ready(model), reason="changed")])
    assert answers.list_models(told).models[0].reason == "changed"
    assert answers.get_model(told, model.name).status.reason == "changed"
    assert answers.get_embedding(told, model.name, "").status.reason == "changed"
