"""`atomlens.client.study.study`: whole studies."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Client
from atomlens.client.errors import InputError, UnknownModelError
from atomlens.client.study.page import page
from atomlens.client.study.study import Study, run_study

from .conftest import arrays, table

LABELS = {"energy": "u0_eV", "charge": "mu_D"}
MODELS = ["toy-schnet-energy", "toy-bpnn-energy", "toy-schnet-dipole"]


@pytest.fixture(scope="module")
def study(local: Client, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of three models on two files."""
    folder = tmp_path_factory.mktemp("data")
    labelled, charged = arrays(), arrays()
    labelled["mu_D"] = np.abs(labelled["u0_eV"])
    for name in ("mulliken_e", "dipole_eA"):
        del labelled[name]
    for name in ("split", "u0_eV"):
        del charged[name]
    tables = [table(folder / "labelled.npz", labelled), table(folder / "charged.npz", charged)]
    return run_study(local, tables, MODELS, LABELS, 100, print)


def test_every_analysis_is_there(study: Study) -> None:
    """Two models of energies, one of charges, reference charges and rings allow all of them."""
    keys = [section.key for section in study.sections]
    assert keys == ["errors", "charges", "contributions", "comparisons", "rings", "embeddings"]


def test_errors_are_of_the_test_part(study: Study, local: Client) -> None:
    """They are what anybody gets who asks the model and subtracts."""
    (errors,) = [section.numbers for section in study.sections if section.key == "errors"]
    fields = arrays()
    chosen = fields["split"] == 2
    structures = study.samples[0].structures
    energies = [local.explain(one, "toy-schnet-energy").energy or np.nan for one in structures]
    assert errors[0]["model"] == "toy-schnet-energy@1"
    assert errors[0]["mae"] == pytest.approx(np.abs(np.array(energies) - fields["u0_eV"][chosen]).mean())
    assert [one["unit"] for one in errors] == ["eV", "eV", "e·Å"]


def test_models_are_asked_where_they_can_be_compared(study: Study) -> None:
    """Energies are not asked for molecules whose energies are not known."""
    (rows,) = [section.numbers for section in study.sections if section.key == "comparisons"]
    assert {row["source"] for row in rows} == {"labelled.npz"}
    assert {verdict.source for verdict in study.verdicts} == {
        "labelled.npz",
        "charged.npz",
        "benzene",
    }


def test_each_expectation_is_a_row_of_each_model(study: Study) -> None:
    """Too few atoms to tell is said; nothing is left away."""
    of_atoms = [one for one in study.verdicts if not one.row.expectation.startswith("Ω")]
    energy = [one for one in of_atoms if one.model == "toy-bpnn-energy@1"]
    charge = [one for one in of_atoms if one.model == "toy-schnet-dipole@1"]
    assert len(energy) == 3
    assert len(charge) == 5
    assert all(one.row.holds is None for one in energy)


def test_each_model_of_molecules_is_probed_around_benzene(study: Study) -> None:
    """The maps of each model that was asked about molecules are looked at."""
    rows = [one.model for one in study.verdicts if one.source == "benzene"]
    assert rows == list(dict.fromkeys(one.model for one in study.verdicts))


def test_what_could_not_be_done_is_told(study: Study) -> None:
    """With the reason."""
    assert ("embedding of toy-bpnn-energy@1", "a network of family bpnn has none") in [
        (one.analysis, one.why) for one in study.left_out
    ]


def test_the_document_is_json(study: Study) -> None:
    """Strict JSON, with the digests of the models."""
    document = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    assert [model["name"] for model in document["models"]] == [f"{name}@1" for name in MODELS]
    assert all(len(model["digest"]) == 64 for model in document["models"])
    assert {"errors", "expectations", "left_out", "embeddings", "charges"} <= document.keys()


class Tags(HTMLParser):
    """Counts what is open and collects addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Remember the tag and what it refers to."""
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        """Close the tag that was opened last."""
        assert self.open.pop() == tag


def test_the_page_needs_no_network(study: Study) -> None:
    """Every tag is closed, and everything it refers to is inside."""
    tags = Tags()
    tags.feed(page(study))
    assert tags.open == []
    assert all(address.startswith(("#", "data:")) for address in tags.addresses)


def test_the_page_says_what_holds_and_what_the_split_is(study: Study) -> None:
    """The rows, the sections and the caveat."""
    text = page(study)
    assert "The split into atoms is the model" in text
    assert text.count("<h2>") == len(study.sections) + 2
    assert text.count("not measured") == sum(one.row.holds is None for one in study.verdicts)


def test_a_file_without_labels_is_studied_for_what_it_has(local: Client, tmp_path: Path) -> None:
    """Contributions can be looked at; errors and charges are left out with the reason."""
    fields = {name: arrays()[name] for name in ("n_atoms", "numbers", "positions")}
    study = run_study(local, [table(tmp_path / "bare.npz", fields)], ["toy-schnet-energy"], {}, 100, print)
    assert [section.key for section in study.sections] == ["contributions", "rings", "embeddings"]
    reasons = {one.analysis: one.why for one in study.left_out}
    assert reasons["error of `energy` by toy-schnet-energy@1"] == (
        "no structure that it explains has `energy` in bare.npz"
    )
    assert "no field of reference charges" in reasons["learned charges against reference charges"]
    assert "model against model" in reasons


def test_models_that_fit_the_files_are_found(local: Client, tmp_path: Path) -> None:
    """Without names, every model that a file has labels or reference charges for."""
    fields = arrays()
    del fields["mulliken_e"]
    found = run_study(local, [table(tmp_path / "a.npz", fields)], [], {"energy": "u0_eV"}, 100, print)
    assert [card.status.name for card in found.cards] == ["toy-bpnn-energy", "toy-schnet-energy"]


def test_files_that_fit_no_model_are_refused(local: Client, tmp_path: Path) -> None:
    """And so is a model that there is not."""
    fields = {name: arrays()[name] for name in ("n_atoms", "numbers", "positions")}
    bare = table(tmp_path / "bare.npz", fields)
    with pytest.raises(InputError, match="no model was trained on a label that is in the files"):
        run_study(local, [bare], [], {}, 100, print)
    with pytest.raises(UnknownModelError):
        run_study(local, [bare], ["nothing"], {}, 100, print)


def test_crystals_have_no_chemistry_and_no_dipole(local: Client, tmp_path: Path) -> None:
    """What a model refuses is told once, with how many structures."""
    fields = arrays()
    del fields["split"]
    fields["cell_A"] = np.tile(12.0 * np.eye(3), (len(fields["n_atoms"]), 1, 1))
    crystals = table(tmp_path / "a.npz", fields)
    study = run_study(
        local, [crystals], ["toy-schnet-energy", "toy-schnet-dipole"], {"energy": "u0_eV"}, 100, print
    )
    reasons = {one.analysis: one.why for one in study.left_out}
    assert "periodic" in reasons["12 of 12 structures of a.npz by toy-schnet-dipole@1"]
    assert "stability of rings" in reasons
    assert [section.key for section in study.sections][:2] == ["errors", "contributions"]


def test_molecules_without_environments_are_studied_by_element(local: Client, tmp_path: Path) -> None:
    """Radicals have no bonds that could be told: they are counted, and charts stay empty."""
    fields = {
        "n_atoms": np.array([2, 2]),
        "numbers": np.array([8, 1, 8, 1]),
        "positions": np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.97]] * 2),
    }
    radicals = table(tmp_path / "a.npz", fields)
    study = run_study(local, [radicals], ["toy-bpnn-energy"], {}, 100, print)
    (rows,) = [section.numbers for section in study.sections if section.key == "contributions"]
    assert {(row["element"], row["by"]) for row in rows} == {("H", "element"), ("O", "element")}
    reasons = {one.analysis: one.why for one in study.left_out}
    assert reasons["environments in 2 of 2 molecules of a.npz"] == "it has an odd number of electrons"


def test_names_are_checked(local: Client, tmp_path: Path) -> None:
    """A model that is named twice is one model; labels are of heads and fields that there are."""
    names = ["toy-bpnn-energy", "toy-bpnn-energy@1"]
    file = table(tmp_path / "a.npz", arrays())
    study = run_study(local, [file], names, {"energy": "u0_eV"}, 100, print)
    assert [str(card.status) for card in study.cards] == ["toy-bpnn-energy@1"]
    with pytest.raises(InputError, match="`label` must name a head of a model, energy, got 'enrgy'"):
        run_study(local, [file], names, {"enrgy": "u0_eV"}, 100, print)
    with pytest.raises(InputError, match="`label` must name a field of a file, got 'u1_eV' for 'energy'"):
        run_study(local, [file], names, {"energy": "u1_eV"}, 100, print)


def test_labels_that_are_not_finite_are_told(local: Client, tmp_path: Path) -> None:
    """The error is of the others."""
    fields = arrays()
    fields["u0_eV"][-1] = np.nan
    names, labels = ["toy-bpnn-energy"], {"energy": "u0_eV"}
    study = run_study(local, [table(tmp_path / "a.npz", fields)], names, labels, 100, print)
    (errors,) = [section.numbers for section in study.sections if section.key == "errors"]
    assert errors[0]["structures"] == 5
    reasons = {one.analysis: one.why for one in study.left_out}
    some = "1 of 6 structures of a.npz from the error of toy-bpnn-energy@1"
    assert reasons[some] == "`u0_eV` is not finite there"
