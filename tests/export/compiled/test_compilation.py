"""`atomlens.export.compiled.compilation`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.compiled import compilation
from atomlens.export.compiled.compilation import ALLOWED, SLACK, TERMS, compile_model
from atomlens.export.compiled.schnet import CompiledSchNet
from atomlens.export.examples import verification_batches
from atomlens.export.form import CompiledForm, ExactForm
from atomlens.export.model import Model
from atomlens.export.verification import reference
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Floats, Structures

NAMES = [
    *("toy-schnet-energy", "toy-schnet-dipole", "toy-schnet-extent", "toy-schnet-formation"),
    *("toy-bpnn-energy", "toy-bpnn-dipole", "toy-bpnn-formation"),
]


@torch.no_grad()
def contributions(form: CompiledForm, structures: Structures) -> Floats:
    """Return what a form in float64 says of atoms."""
    placed = structures.placed
    table = make_table(find_pairs(placed, form.cutoff), len(placed.numbers))
    arrays = (placed.positions, table.neighbors, table.shifts.astype(np.float64))
    around = form.table(*map(torch.from_numpy, arrays))
    values: Floats = form(torch.from_numpy(placed.numbers), around)[0].numpy()
    return values


def double(model: Model) -> Model:
    """Return the model in float64."""
    return model.double().eval()


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_model_says_what_its_network_says(
    name: str, toy_checkpoints: dict[str, Checkpoint]
) -> None:
    """Contributions of all structures that are looked at are within the error allowed."""
    checkpoint = toy_checkpoints[name]
    batches = verification_batches(checkpoint)
    model = checkpoint.build()
    form = compile_model(model, batches.values())
    for structures in batches.values():
        expected = reference(double(checkpoint.build()), structures)[model.settings.head.name]
        np.testing.assert_allclose(contributions(form, structures), expected, rtol=0, atol=ALLOWED)


def test_no_more_terms_are_taken_than_needed(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """With a step fewer the error would be more than twice that of the most terms, or more than allowed."""
    checkpoint = toy_checkpoints["toy-schnet-energy"]
    batches = verification_batches(checkpoint)
    twin = double(checkpoint.build())
    form = compile_model(twin, batches.values())

    def error(terms: int) -> float:
        other = CompiledSchNet(twin.network, twin.head, terms)  # type: ignore[arg-type]
        return max(
            float(np.abs(contributions(other, batch) - reference(twin, batch)["energy"]).max())
            for batch in batches.values()
        )

    enough = min(ALLOWED, SLACK * error(TERMS[-1]))
    assert error(2) > ALLOWED
    assert error(form.terms) <= enough
    fewer = [terms for terms in TERMS if terms < form.terms]
    assert not fewer or error(fewer[-1]) > enough


def test_filters_that_no_number_of_terms_fits_are_refused(
    toy_checkpoints: dict[str, Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how to export the network all the same."""
    checkpoint = toy_checkpoints["toy-schnet-energy"]
    monkeypatch.setattr(compilation, "TERMS", (1, 2))
    with pytest.raises(ValueError, match=r"2 functions are off .* with --exact"):
        compile_model(checkpoint.build(), verification_batches(checkpoint).values())


def test_compiling_leaves_the_model_alone(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """A float32 model stays one; an exact form keeps a copy."""
    model = toy_checkpoints["toy-schnet-energy"].build()
    compile_model(model, [])
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert ExactForm(model).model is not model
