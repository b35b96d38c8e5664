"""`atomlens.client.study.charges`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Client
from atomlens.client.study.answers import Answers, ask
from atomlens.client.study.charges import charge_section, compare_charges, ranks, references
from atomlens.client.study.sample import take_samples

from .conftest import SMILES, arrays, table


@pytest.fixture
def answers(local: Client, tmp_path: Path) -> Answers:
    """Charges of a model on a file that another one with a split knows."""
    known, asked = arrays(), arrays()
    del asked["split"]
    asked["loewdin_e"] = -asked["mulliken_e"]
    tables = [table(tmp_path / "known.npz", known), table(tmp_path / "asked.npz", asked)]
    sample = take_samples(tables, 100)[1]
    (one,) = ask(local, local.model("toy-bpnn-dipole"), sample, print).answers
    return one


def test_every_field_of_charges_is_a_reference(answers: Answers) -> None:
    """They are told by their unit and their length."""
    assert references(answers.sample) == ["mulliken_e", "loewdin_e"]


def test_charges_that_are_the_reference_agree_with_it(answers: Answers) -> None:
    """Outside training and everywhere; the reference that is the opposite ranks in reverse."""
    perfect = replace(answers, contributions=answers.sample.fields["mulliken_e"].astype(np.float64))
    found = compare_charges([perfect])
    (_, mulliken), (source, loewdin) = ranks(found, perfect.model)
    assert source == "asked.npz"
    assert mulliken.numbers["Spearman"] == pytest.approx(1.0)
    assert loewdin.numbers["Spearman"] == pytest.approx(-1.0)
    assert loewdin.expectation == (
        "q: learned charges rank with loewdin charges (outside training, asked.npz)"
    )
    everywhere = [
        row for row in found.agreements if row.which == "all structures" and row.first == perfect.model
    ]
    assert everywhere[0].atoms == len(answers.sample.numbers)
    unseen = [row for row in found.agreements if row.which == "outside training"]
    assert unseen[0].atoms == answers.sample.counts[len(SMILES) // 2 :].sum()


def test_references_are_compared_with_each_other(answers: Answers) -> None:
    """They bound what a model can reach with both."""
    rows = [row for row in compare_charges([answers]).agreements if row.first == "mulliken"]
    assert rows[0].second == "loewdin"
    assert rows[0].spearman == pytest.approx(-1.0)


def test_the_error_of_dipoles_is_a_length(answers: Answers) -> None:
    """A reference that is off by (3, 4, 0) e·Å everywhere is off by 5."""
    assert answers.vectors is not None
    fields = {**answers.sample.fields, "dipole_eA": answers.vectors + np.array([3.0, 4.0, 0.0])}
    sample = replace(answers.sample, fields=fields)
    found = compare_charges([replace(answers, sample=sample)])
    assert [row.which for row in found.dipoles] == ["outside training", "all structures"]
    assert found.dipoles[1].error == pytest.approx(5.0)
    assert found.dipoles[1].structures == len(SMILES)


def test_the_section_has_a_table_of_charges_and_one_of_dipoles(answers: Answers) -> None:
    """And a chart for each model."""
    section = charge_section([answers], compare_charges([answers]))
    assert [grid.header[0] for grid in section.tables] == ["first", "model"]
    assert len(section.drawings) == 1


def test_a_field_without_numbers_is_no_reference(answers: Answers) -> None:
    """Neither text nor a field that no atom has a number in."""
    fields = answers.sample.fields
    nothing, words = np.full(len(answers.sample.numbers), np.nan), fields["mulliken_e"].astype(str)
    sample = replace(answers.sample, fields={**fields, "loewdin_e": nothing, "name_e": words})
    assert references(sample) == ["mulliken_e"]


def test_structures_that_are_all_outside_training_are_compared_once(local: Client, tmp_path: Path) -> None:
    """The test part of a file is outside training and everything that was asked about."""
    (sample,) = take_samples([table(tmp_path / "a.npz", arrays())], 100)
    (one,) = ask(local, local.model("toy-bpnn-dipole"), sample, print).answers
    found = compare_charges([one])
    assert {row.which for row in found.agreements} == {"outside training"}
    assert [row.which for row in found.dipoles] == ["outside training"]
