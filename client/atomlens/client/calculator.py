"""Calculator: explanations where ASE asks for energies, charges and dipoles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from atomlens.client.client import Client
from atomlens.client.errors import MissingExtraError
from atomlens.client.explanation import Explanation
from atomlens.client.selection import DEFAULT_MODELS, Models

try:
    from ase.calculators.calculator import Calculator, all_changes
except ModuleNotFoundError as missing:
    raise MissingExtraError("report", "the ASE calculator") from missing

if TYPE_CHECKING:
    from ase import Atoms

INFO = ("charge", "spin")


class AtomLensCalculator(Calculator):
    """An ASE calculator of energy, energies, charges and dipole; the models know no forces.

    After a calculation `explanation` has all that the models said. A property that no model has is
    ``PropertyNotImplementedError``, as everywhere in ASE.
    """

    implemented_properties = ["energy", "energies", "charges", "dipole"]  # noqa: RUF012

    def __init__(self, client: Client, model: Models = DEFAULT_MODELS, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self.client = client
        self.model = model
        self.explanation: Explanation | None = None
        self._info: dict[str, Any] = {}

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Ask the models and keep what they say."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        structure = cast("Atoms", self.atoms)
        self._info = _info(structure)
        self.explanation = self.client.explain(structure, self.model)
        values = {name: getattr(self.explanation, name) for name in self.implemented_properties}
        self.results = {
            name: np.array(value) if isinstance(value, np.ndarray) else value
            for name, value in values.items()
            if value is not None
        }

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Return what changed since the last calculation, total charge and multiplicity included."""
        changes: list[str] = super().check_state(atoms, tol=tol)  # type: ignore[no-untyped-call]
        return changes + [name for name in INFO if self._info.get(name) != _info(atoms).get(name)]


def _info(atoms: Atoms) -> dict[str, Any]:
    return {name: atoms.info.get(name) for name in INFO}
