"""`atomlens.client.study.labels`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Client
from atomlens.client.study.labels import find_labels, label_names
from atomlens.client.study.sample import Sample, take_samples

from .conftest import arrays, table


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """Molecules with energies in two units."""
    fields = arrays()
    fields["u0_Ha"] = fields["u0_eV"] / 27.211386245988
    return take_samples([table(tmp_path / "a.npz", fields)], 100)[0]


def test_the_card_names_the_label(local: Client) -> None:
    """What the model was trained on is what it is compared with, unless another field is chosen."""
    card = local.model("toy-schnet-energy")
    assert label_names(card, {}) == {"energy": "energy"}
    assert label_names(card, {"energy": "u0_eV", "charge": "mu_D"}) == {"energy": "u0_eV"}


def test_labels_come_in_the_unit_of_the_property(local: Client, sample: Sample) -> None:
    """Hartree become electron volts by the field's name."""
    card = local.model("toy-schnet-energy")
    (in_hartree,) = find_labels(card, sample, {"energy": "u0_Ha"})
    (in_ev,) = find_labels(card, sample, {"energy": "u0_eV"})
    np.testing.assert_allclose(in_hartree.values, in_ev.values)


def test_fields_that_are_no_labels_are_passed_over(local: Client, sample: Sample) -> None:
    """Neither a missing field nor one of atoms or vectors is a label."""
    card = local.model("toy-schnet-energy")
    for name in ("missing_eV", "mulliken_e", "dipole_eA"):
        assert list(find_labels(card, sample, {"energy": name})) == []


def test_a_label_of_another_quantity_is_refused(local: Client, sample: Sample) -> None:
    """Energies are not compared with what is no energy."""
    with pytest.raises(ValueError, match="`u0_eV` is in eV, which is no unit"):
        list(find_labels(local.model("toy-schnet-dipole"), sample, {"charge": "u0_eV"}))


def test_a_chosen_field_may_say_its_unit(local: Client, tmp_path: Path) -> None:
    """As may the file, and both must agree."""
    fields = arrays() | {"energy": arrays()["u0_eV"]}
    del fields["u0_eV"]
    bare = take_samples([table(tmp_path / "a.npz", fields)], 100)[0]
    card = local.model("toy-schnet-energy")
    (label,) = find_labels(card, bare, {"energy": "energy:Ha"})
    np.testing.assert_allclose(label.values, bare.fields["energy"] * 27.211386245988)
    stated = take_samples([table(tmp_path / "b.npz", fields | {"energy_unit": np.array("Ha")})], 100)[0]
    (by_file,) = find_labels(card, stated, {})
    np.testing.assert_array_equal(by_file.values, label.values)
    with pytest.raises(ValueError, match="must have one unit"):
        list(find_labels(card, stated, {"energy": "energy:eV"}))
    with pytest.raises(ValueError, match="`energy` has no unit in its name"):
        list(find_labels(card, bare, {}))
