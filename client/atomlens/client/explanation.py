"""Explanation: what models say about one structure, atom by atom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from atomlens.client.errors import InputError
from atomlens.client.failure import Failure
from atomlens.client.head import Head, Heads
from atomlens.client.structure import Floats, Structure

if TYPE_CHECKING:
    import pandas
    from ase import Atoms


@dataclass(frozen=True, slots=True)
class ModelReference:
    """The model that gave an answer."""

    name: str
    version: int
    digest: str  # SHA-256 of its card
    provider: str  # what ran it: cpu, cuda or cuda-tf32

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """A structure with the properties of all heads and the contributions that they are made of.

    The well-known names are None where no model has such a head. The split into atoms is the model's choice;
    only the total is observable.
    """

    structure: Structure
    heads: Mapping[str, Head]
    models: tuple[ModelReference, ...]
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.heads, Heads):
            object.__setattr__(self, "heads", Heads(self.heads))

    @property
    def id(self) -> str:
        """Id of the structure."""
        return self.structure.id

    @property
    def numbers(self) -> npt.NDArray[np.uint8]:
        """Atomic numbers: (atoms,)."""
        return self.structure.numbers

    @property
    def symbols(self) -> list[str]:
        """Symbol of each atom."""
        return self.structure.symbols

    @property
    def positions(self) -> Floats:
        """Positions in Å: (atoms, 3)."""
        return self.structure.positions

    @property
    def cell(self) -> Floats | None:
        """Lattice vectors in Å, as rows: (3, 3)."""
        return self.structure.cell

    @property
    def pbc(self) -> npt.NDArray[np.bool_]:
        """Which lattice vectors repeat: (3,)."""
        return self.structure.pbc

    @property
    def charge(self) -> float:
        """Total charge in e."""
        return self.structure.charge

    @property
    def energy(self) -> float | None:
        """Energy, the sum of `energies`, in eV unless converted."""
        head = self.heads.get("energy")
        return None if head is None else head.value

    @property
    def energies(self) -> Floats | None:
        """Energy of each atom, `energies_model` + `energies_offset`: (atoms,)."""
        head = self.heads.get("energy")
        return None if head is None else head.contributions

    @property
    def energies_model(self) -> Floats | None:
        """What the network says of each atom: (atoms,)."""
        head = self.heads.get("energy")
        return None if head is None else head.model

    @property
    def energies_offset(self) -> Floats | None:
        """The part of each atom's energy that depends on its element alone: (atoms,)."""
        head = self.heads.get("energy")
        return None if head is None else head.offset

    @property
    def charges_raw(self) -> Floats | None:
        """Charge of each atom before neutrality, in e: (atoms,)."""
        head = self.heads.get("charge")
        return None if head is None else head.raw

    @property
    def charges(self) -> Floats | None:
        """Charge of each atom in e, which sum to the total charge: (atoms,)."""
        head = self.heads.get("charge")
        return None if head is None else head.contributions

    @property
    def dipole(self) -> Floats | None:
        """Dipole about `dipole_origin` in e·Å: (3,)."""
        head = self.heads.get("charge")
        return None if head is None else head.vector

    @property
    def dipole_magnitude(self) -> float | None:
        """Length of the dipole in e·Å."""
        head = self.heads.get("charge")
        return None if head is None else head.value

    @property
    def dipole_origin(self) -> Floats | None:
        """Centre of mass in Å: (3,)."""
        head = self.heads.get("charge")
        return None if head is None else head.origin

    @property
    def properties(self) -> dict[str, float]:
        """The property of each head."""
        return {name: head.value for name, head in self.heads.items()}

    @property
    def contributions(self) -> dict[str, Floats]:
        """The contributions of each head: (atoms,)."""
        return {name: head.contributions for name, head in self.heads.items()}

    @property
    def units(self) -> dict[str, str]:
        """Unit of every quantity; of heads as ``properties.HEAD`` and ``contributions.HEAD``."""
        units = {"positions": "Å", "cell": "Å", "charge": "e"}
        for name, head in self.heads.items():
            units |= dict.fromkeys((column for column, _ in head.columns()), head.unit)
            units |= {f"properties.{name}": head.property_unit, f"contributions.{name}": head.unit}
        if energy := self.heads.get("energy"):
            units["energy"] = energy.property_unit
        if charge := self.heads.get("charge"):
            units |= dict.fromkeys(("dipole", "dipole_magnitude"), charge.property_unit)
            units["dipole_origin"] = "Å"
        return units

    def columns(self) -> dict[str, Floats]:
        """Return every atomic quantity by name, in the order of a table: (atoms,) each."""
        return {name: values for head in self.heads.values() for name, values in head.columns()}

    def in_energy_unit(self, unit: str) -> Explanation:
        """Return the same explanation with every energy in eV, meV, Ha, kcal/mol or kJ/mol."""
        from atomlens.client.units import in_energy_unit

        heads = {name: in_energy_unit(head, unit) for name, head in self.heads.items()}
        return replace(self, heads=heads)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it: lists, numbers, texts and None."""
        from atomlens.client.convert import to_dict

        return to_dict(self)

    def to_ase(self) -> Atoms:
        """Return `ase.Atoms` with results in a calculator, their parts in arrays and the rest in `info`.

        Energies are in eV, as everywhere in ASE, whatever `in_energy_unit` was asked for.
        """
        from atomlens.client.convert import to_ase

        return to_ase(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a table with a row for each atom; units, id and models are in its `attrs`."""
        from atomlens.client.convert import to_pandas

        return to_pandas(self)

    def __len__(self) -> int:
        return len(self.structure)

    def __str__(self) -> str:
        from atomlens.client.table import text

        return text(self)

    def __repr__(self) -> str:
        properties = ", ".join(f"{head.property_name}={head.value:.6g}" for head in self.heads.values())
        models = ", ".join(map(str, self.models))
        return f"<Explanation {self.id or self.structure.formula}: {properties} by {models}>"

    def _repr_html_(self) -> str:
        """Return the atoms in 3-D, where the extra `report` is installed, and the table."""
        from atomlens.client.table import html_table

        try:
            from atomlens.client.report.molecule_frame import molecule_frame

            return molecule_frame(self) + html_table(self)
        except ImportError:  # MissingExtraError too
            return html_table(self)


Outcome: TypeAlias = Explanation | Failure


def combine(explanations: Sequence[Explanation]) -> Explanation:
    """Return one explanation of one structure from those of several models.

    Raises `InputError` when two of them share a head.
    """
    heads: dict[str, Head] = {}
    for explanation in explanations:
        for shared in heads.keys() & explanation.heads.keys():
            names = " and ".join(str(model) for other in explanations for model in other.models)
            raise InputError(
                f"`model` must name models without a head in common, got {names} with `{shared}`"
            )
        heads |= explanation.heads
    models = tuple(model for explanation in explanations for model in explanation.models)
    warnings = dict.fromkeys(warning for explanation in explanations for warning in explanation.warnings)
    return Explanation(explanations[0].structure, heads, models, tuple(warnings))
