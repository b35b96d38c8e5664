"""Reports that a real server's models are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.client import Client, InputError, Structure, UnknownModelError, UnusableModelError
from atomlens.client.report import Surface, load_report, report, reporting

from .conftest import SALT, WATER

BOTH = ("toy-schnet-energy", "toy-schnet-dipole")


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Surfaces of few points."""
    monkeypatch.setattr(reporting, "SPACING_ANGSTROM", 0.5)


def test_a_molecule(client: Client, tmp_path: Path) -> None:
    """Every model is asked about every probe on every surface, about the same points."""
    made = report(client, WATER, BOTH)
    assert made.explanation is not None
    assert made.explanation.to_dict()["energies"] == client.explain(WATER, BOTH).to_dict()["energies"]
    assert [str(model) for model in made.models] == ["toy-schnet-energy@1", "toy-schnet-dipole@1"]
    names = [str(one.surface) for one in made.meshes]
    assert names == ["distance:1.6", "distance:2", "distance:2.5"]
    assert [one.map.elements for one in made.surfaces] == [("H", "C", "N", "O")] * 6
    one = made.surfaces[1]
    asked = client.probe(WATER, "N", BOTH[1], points=one.mesh.vertices).collect(progress=False)
    np.testing.assert_array_equal(one.map.values[2], asked.values[0])
    assert {mean.head for mean in made.means} == {"energy", "charge"}
    made.write(tmp_path / "water.html")
    assert len(load_report(tmp_path / "water.html").surfaces) == 6


def test_what_is_asked_for(client: Client) -> None:
    """Elements and surfaces may be named."""
    made = report(client, WATER, BOTH[0], "O", ["inverse-power:2:1", Surface(1.7)])
    assert [str(one.surface) for one in made.surfaces] == ["inverse-power:2:1", "distance:1.7"]
    assert made.surfaces[0].map.elements == ("O",)


def test_models_that_refuse(client: Client) -> None:
    """A model that takes no crystal is left out with its reason, unless nobody else answers."""
    ice = Structure(WATER.numbers, WATER.positions, 6.0 * np.eye(3), True)
    made = report(client, ice, BOTH, "H")
    assert [str(model) for model in made.models] == ["toy-schnet-energy@1"]
    assert made.notes[0].startswith("toy-schnet-dipole@1 has no part in this: ")
    with pytest.raises(InputError, match="periodic"):
        report(client, ice, BOTH[1])


def test_crystals(client: Client) -> None:
    """Surfaces that a cell has no room for are left out and named; those asked for are an error."""
    made = report(client, SALT, "toy-schnet-formation", ["Na", "Cl"])
    assert made.notes == ("There is no surface at distance:2.5: atoms fill the cell.",)
    assert len(made.surfaces) == 2
    with pytest.raises(InputError, match="encloses the whole cell"):
        report(client, SALT, "toy-schnet-formation", "Na", ["distance:2.5"])


def test_the_model_that_fits(client: Client) -> None:
    """Without a model, and without the usual ones, the first that takes the structure is asked."""
    assert str(report(client, SALT, elements="Na").models[0]) == "toy-bpnn-formation@1"


def test_nobody_fits(client: Client) -> None:
    """Where no model takes a structure, the error is that of the usual models."""
    with pytest.raises(UnknownModelError, match="schnet-qm9-energy"):
        report(client, Structure([79], [[0.0] * 3]))


def test_probes_of_large_models(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model that knows many elements, those of the structure and the common ones are probes."""
    monkeypatch.setattr(reporting, "FEW_ELEMENTS", 3)
    made = report(client, SALT, "toy-schnet-formation")
    assert made.surfaces[0].map.elements == ("Na", "Cl", "O")


def test_models_without_probes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that knows nothing of probes has its part in the atoms, and the rest is said."""
    ask = Client.probe

    def probe(self: Client, structure: Structure, elements: Any, model: str, **more: Any) -> Any:
        if model.startswith(BOTH[0]):
            raise UnusableModelError("it has no probe.onnx", reason="NO_PROBE")
        return ask(self, structure, elements, model, **more)

    monkeypatch.setattr(Client, "probe", probe)
    made = report(client, WATER, BOTH, "H")
    assert made.notes == ("toy-schnet-energy@1 says nothing of the space around: it has no probe.onnx",)
    assert {str(one.map.model) for one in made.surfaces} == {"toy-schnet-dipole@1"}
    assert made.explanation is not None
    assert len(made.explanation.models) == 2


def test_pages_stay_small(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The more fields and surfaces there are, the coarser is each."""
    fine = report(client, WATER, BOTH[0], "H", ["distance:2.0"]).surfaces[0]
    monkeypatch.setattr(reporting, "SURFACE_BYTES", 28 * len(fine.mesh) - 1)
    coarse = report(client, WATER, BOTH[0], "H", ["distance:2.0"]).surfaces[0]
    assert len(coarse.mesh) < len(fine.mesh)


def test_surfaces_that_no_page_holds(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest is left out, which is said; one that was named is an error."""
    sizes = [len(one.mesh) for one in report(client, WATER, BOTH[0], "H").surfaces]
    monkeypatch.setattr(reporting, "MOST_BYTES", 28 * (sum(sizes) - 1))
    made = report(client, WATER, BOTH[0], "H")
    assert [str(one.surface) for one in made.surfaces] == ["distance:1.6", "distance:2"]
    assert made.notes[0].startswith(f"There is no surface here at distance:2.5: it has {sizes[2]} points")
    monkeypatch.setattr(reporting, "MOST_BYTES", 28)
    with pytest.raises(InputError, match="`surface` must be smaller: distance:2 has"):
        report(client, WATER, BOTH[0], "H", ["distance:2.0"])
