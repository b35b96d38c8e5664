"""Convert: an explanation as JSON, as `ase.Atoms` and as a pandas table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from atomlens.client.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas
    from ase import Atoms

    from atomlens.client.explanation import Explanation

WELL_KNOWN = (
    "energy",
    "energies",
    "energies_model",
    "energies_offset",
    "charges_raw",
    "charges",
    "dipole",
    "dipole_magnitude",
    "dipole_origin",
)


def to_dict(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation as JSON has it; keys are the names of its attributes."""
    structure = {name: plain(getattr(explanation, name)) for name in ("numbers", "positions", "cell", "pbc")}
    known = {name: plain(getattr(explanation, name)) for name in WELL_KNOWN}
    return {
        "id": explanation.id,
        **structure,
        "charge": explanation.charge,
        **known,
        "properties": explanation.properties,
        "contributions": {name: plain(values) for name, values in explanation.contributions.items()},
        "units": explanation.units,
        "models": models(explanation),
        "warnings": list(explanation.warnings),
    }


def models(explanation: Explanation) -> list[dict[str, Any]]:
    """Return name, version, digest and provider of each model."""
    return [
        {"name": model.name, "version": model.version, "digest": model.digest, "provider": model.provider}
        for model in explanation.models
    ]


def to_ase(explanation: Explanation) -> Atoms:
    """Return atoms whose calculator has the results that ASE has names for.

    Parts such as ``energies_model`` are arrays; id, units, warnings and models are in ``info``. Energies are
    in eV, as everywhere in ASE, whatever unit the explanation was converted to.
    """
    try:
        from ase import Atoms
        from ase.calculators.singlepoint import SinglePointCalculator
    except ImportError as error:
        raise MissingExtraError("report", "`to_ase()`") from error
    explanation = explanation.in_energy_unit("eV")
    atoms = Atoms(explanation.numbers, explanation.positions, cell=explanation.cell, pbc=explanation.pbc)
    results = {name: getattr(explanation, name) for name in ("energy", "energies", "charges", "dipole")}
    atoms.calc = SinglePointCalculator(  # type: ignore[no-untyped-call]
        atoms, **{name: value for name, value in results.items() if value is not None}
    )
    for name, values in explanation.columns().items():
        if name not in results:
            atoms.set_array(name, np.array(values))  # type: ignore[no-untyped-call]
    atoms.info.update(_info(explanation))
    return atoms


def _info(explanation: Explanation) -> dict[str, Any]:
    """Return what concerns the whole structure in the types that extended XYZ can hold."""
    info: dict[str, Any] = {"id": explanation.id, "charge": explanation.charge}
    if explanation.structure.spin:
        info["spin"] = explanation.structure.spin
    for name in ("dipole_magnitude", "dipole_origin"):
        if (value := getattr(explanation, name)) is not None:
            info[name] = value
    for name, value in explanation.properties.items():
        if name not in ("energy", "charge"):
            info[name] = value
    info["models"] = " ".join(model.name for model in explanation.models)
    info["versions"] = " ".join(str(model.version) for model in explanation.models)
    info["digests"] = " ".join(model.digest for model in explanation.models)
    info["units"] = json.dumps(explanation.units, ensure_ascii=False)
    if explanation.warnings:
        info["warnings"] = "; ".join(explanation.warnings)
    return info


def to_pandas(explanation: Explanation) -> pandas.DataFrame:
    """Return a row for each atom: element, number, x, y, z and every atomic quantity."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("report", "`to_pandas()`") from error
    table = pandas.DataFrame({"element": explanation.symbols, "number": explanation.numbers})
    for axis, values in zip("xyz", explanation.positions.T, strict=True):
        table[axis] = values
    for name, values in explanation.columns().items():
        table[name] = values
    table.attrs = {"id": explanation.id, "units": explanation.units, "models": models(explanation)}
    return table


def plain(value: Any) -> Any:
    """Return an array as nested lists, anything else as it is."""
    return value.tolist() if isinstance(value, np.ndarray) else value
