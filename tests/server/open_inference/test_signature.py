"""`atomlens.server.open_inference.signature`."""

from __future__ import annotations

import pytest

from atomlens.server.errors import InputError
from atomlens.server.model import Model
from atomlens.server.open_inference.signature import INPUTS, configuration, metadata, outputs, wanted
from atomlens.server.repository import Repository


def test_configuration_and_metadata_agree(model: Model) -> None:
    """On names, order and shapes."""
    told, config = metadata(model.card, ["1", "2"]), configuration(model.card).config
    assert told.name == config.name == model.name
    assert list(told.versions) == ["1", "2"]
    assert [(one.name, list(one.shape)) for one in told.inputs] == [
        (one.name, list(one.dims)) for one in config.input
    ]
    assert [(one.name, list(one.shape)) for one in told.outputs] == [
        (one.name, list(one.dims)) for one in config.output
    ]
    assert config.max_batch_size == 0


def test_a_dipole_comes_with_its_vector(repository: Repository) -> None:
    """And with charges before neutrality and the centres of mass."""
    found = {
        output.tensor.name: output.tensor.shape
        for output in outputs(repository.find("toy-schnet-dipole").card)
    }
    assert found["charge.vectors"] == found["charge.origins"] == (-1, 3)
    assert found["charge.raw"] == found["charge.contributions"] == found["charge.properties"] == (-1,)


def test_texts_are_given_only_when_asked_for(model: Model) -> None:
    """Who asks for nothing takes no responsibility for errors."""
    assert [output.part for output in wanted(model.card, [])] == [
        "properties",
        "contributions",
        "model",
        "offset",
    ]
    assert [output.part for output in wanted(model.card, ["errors", "energy.model", "errors"])] == [
        "errors",
        "model",
    ]


def test_an_unknown_output_is_refused(model: Model) -> None:
    """With the names of those that there are."""
    with pytest.raises(InputError, match=r"energy.properties, .*, warnings, got 'energy'") as caught:
        wanted(model.card, ["energy"])
    assert (caught.value.reason, caught.value.field) == ("UNKNOWN_OUTPUT", "outputs")


def test_only_numbers_and_positions_are_needed() -> None:
    """All else has a meaning when it is left out."""
    assert [tensor.name for tensor in INPUTS if not tensor.optional] == ["numbers", "positions"]
