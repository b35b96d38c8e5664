"""`atomlens.export.form`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.form import CompiledForm, ExactForm, Form
from atomlens.export.verification import reference
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Structures


@pytest.mark.parametrize("name", ["toy-schnet-energy", "toy-bpnn-energy"])
@torch.no_grad()
def test_an_exact_form_is_the_model(
    name: str, toy_checkpoints: dict[str, Checkpoint], molecule: Structures
) -> None:
    """On a neighbor table it says what the network says on a half list."""
    model = toy_checkpoints[name].build().double().eval()
    form = ExactForm(model)
    table = make_table(find_pairs(molecule, form.cutoff), len(molecule.numbers))
    arrays = (molecule.positions, table.neighbors, table.shifts.astype(np.float64))
    values, _ = form(torch.from_numpy(molecule.numbers), form.table(*map(torch.from_numpy, arrays)))
    np.testing.assert_allclose(values, reference(model, molecule)["energy"], atol=1e-9)


def test_compiled_layouts_know_the_cutoff() -> None:
    """What is further apart lies at the cutoff, in all three layouts."""
    form = CompiledForm(3.0)
    places = torch.tensor([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]])
    table = form.table(places, torch.tensor([[1], [-1]]), torch.zeros(2, 1, 3))
    assert table.rows().tolist() == [[9.0], [3.0]]
    assert form.field(places, places).rows().tolist()[0][1] == 3.0
    assert form.molecules(torch.tensor([[6, 6]]), places[None]).rows().tolist() == [[3.0, 9.0], [9.0, 3.0]]


def test_a_form_says_what_it_cannot_do() -> None:
    """The base class is none."""
    form = Form(5.0)
    with pytest.raises(NotImplementedError):
        form.table(torch.zeros(1, 3), torch.zeros(1, 1), torch.zeros(1, 1, 3))
