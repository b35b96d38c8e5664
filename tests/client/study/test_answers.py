"""`atomlens.client.study.answers`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from atomlens.client import Client
from atomlens.client.study.answers import ask
from atomlens.client.study.sample import take_samples

from .conftest import arrays, table


def test_answers_are_what_the_client_says(local: Client, tmp_path: Path) -> None:
    """Energies without offsets, charges after neutrality, and dipoles, aligned with the sample."""
    (sample,) = take_samples([table(tmp_path / "a.npz", arrays())], 100)
    (energies,) = ask(local, local.model("toy-schnet-energy"), sample, print).answers
    (charges,) = ask(local, local.model("toy-schnet-dipole"), sample, print).answers
    last = local.explain(sample.structures[-1], ["toy-schnet-energy", "toy-schnet-dipole"])
    mine = sample.owners == len(sample.counts) - 1
    assert (energies.model, energies.head, energies.aggregation) == ("toy-schnet-energy@1", "energy", "sum")
    assert last.energies_model is not None
    assert last.charges is not None
    assert last.dipole is not None
    assert last.energy is not None
    np.testing.assert_allclose(energies.contributions[mine], last.energies_model, atol=4e-6)
    np.testing.assert_allclose(charges.contributions[mine], last.charges, atol=4e-6)
    assert abs(energies.properties[-1] - last.energy) < 1e-4
    assert charges.vectors is not None
    np.testing.assert_allclose(charges.vectors[-1], last.dipole, atol=1e-5)
    assert energies.vectors is None
    assert energies.answered.all()


def test_what_cannot_be_explained_is_counted(local: Client, tmp_path: Path) -> None:
    """Its values are NaN, its neighbours have theirs, and the reason is told."""
    fields = arrays()
    first = int(fields["n_atoms"][fields["split"] == 0].sum())  # atom of the test part
    fields["numbers"][first] = 14
    (sample,) = take_samples([table(tmp_path / "a.npz", fields)], 100)
    asked = ask(local, local.model("toy-bpnn-energy"), sample, print)
    (answers,) = asked.answers
    ((message, count),) = asked.failures.items()
    assert "Si" in message
    assert count == 1
    assert answers.answered.tolist() == [False] + [True] * (len(sample.counts) - 1)
    assert np.isnan(answers.contributions[sample.owners == 0]).all()
    assert np.isfinite(answers.contributions[sample.owners > 0]).all()
