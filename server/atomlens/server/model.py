"""Model: a bundle that is loaded, warm and ready to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from atomlens.server.bundle import MAX_GRAPH_MIB, Bundle
from atomlens.server.card import Card, Head
from atomlens.server.dense_work import MOST_ATOMS, DenseWork
from atomlens.server.errors import BundleError, InputError, UnusableModelError
from atomlens.server.limits import Limits
from atomlens.server.neighbors import NeighborTable, find_pairs, make_table
from atomlens.server.probes.session import ProbeSession
from atomlens.server.session import AtomsSession, MoleculesSession
from atomlens.server.shapes import SHAPES
from atomlens.server.structures import Floats, Integers, Structures
from atomlens.server.table_work import TableWork
from atomlens.server.work import Work

Outputs = dict[str, Floats]  # (atoms,) of each head
Context = npt.NDArray[np.float32]  # (layers, atoms, features)


class Model:
    """One version of a model. Safe to use from several threads."""

    def __init__(self, name: str, version: int, bundle: Bundle, provider: str) -> None:
        if bundle.card.name != name:
            raise BundleError(
                f"card.json: `name` must be the directory's, {name!r}, got {bundle.card.name!r}"
            )
        self.name, self.version, self.bundle, self.provider = name, version, bundle, provider
        self._session = AtomsSession(bundle.atoms, bundle.card, provider)
        self._shapes = SHAPES[provider]
        self._molecules: MoleculesSession | None = None
        if bundle.molecules is not None:
            self._molecules = MoleculesSession(bundle.molecules, bundle.card, provider)
        self._probe: ProbeSession | None = None
        if bundle.probe is not None:
            self._probe = ProbeSession(bundle.probe, bundle.card, provider, self._session.has_context)
        self._warm_up()

    @classmethod
    def load(cls, directory: Path, provider: str, max_graph_mib: int = MAX_GRAPH_MIB) -> Model:
        """Load REPOSITORY/MODEL/VERSION, of whose files none may be larger than ``max_graph_mib``.

        Raises:
            UnreadableError: the system does not give a file.
            BundleError: the bundle breaks the contract or gives no finite numbers.
            ProviderError: the provider is not to be had.
        """
        bundle = Bundle.load(directory, max_graph_mib)
        return cls(directory.parent.name, int(directory.name), bundle, provider)

    @property
    def card(self) -> Card:
        """What the model is."""
        return self.bundle.card

    @property
    def digest(self) -> str:
        """SHA-256 of the card, hexadecimal."""
        return self.bundle.digest

    def heads(self, names: Sequence[str]) -> tuple[Head, ...]:
        """Return the heads with these names, all of them for none.

        Raises:
            InputError: the model has no head of that name.
        """
        known = {head.name: head for head in self.card.heads}
        for name in names:
            if name not in known:
                raise InputError(
                    f"`heads` of {self.name} are {', '.join(known)}, got {name!r}", "UNKNOWN_HEAD", "heads"
                )
        return tuple(known[name] for name in dict.fromkeys(names)) or self.card.heads

    def prepare(self, structures: Structures, limits: Limits | None = None) -> TableWork:
        """Return the structures placed, with the pairs within the model's cutoff.

        Raises:
            InputError: they cost more together than the limits allow.
        """
        placed = structures.placed
        return TableWork(placed, find_pairs(placed, self.card.cutoff_angstrom, limits))

    def run(self, work: Work) -> Outputs:
        """Return what the graph for such work says of each atom, in each head's unit, without offsets.

        Raises:
            EngineError: the runtime failed.
        """
        if isinstance(work, DenseWork):
            return self._run_dense(work)
        assert isinstance(work, TableWork)
        return self._session.run(*_inputs(work))

    @property
    def takes_molecules(self) -> bool:
        """Whether the bundle has a graph for dense batches of small molecules."""
        return self._molecules is not None

    def _run_dense(self, work: DenseWork) -> Outputs:
        assert self._molecules is not None
        outputs = {head.name: np.empty(len(work.numbers)) for head in self.card.heads}
        for run in work.runs(self._shapes):
            for name, values in self._molecules.run(run.numbers, run.positions).items():
                outputs[name][run.atoms] = values[run.real]
        return outputs

    @property
    def takes_probes(self) -> bool:
        """Whether the bundle has a probe graph."""
        return self._probe is not None

    def context(self, work: TableWork) -> Context | None:
        """Return what probes feel of each atom beside its element; None where that is all."""
        if self._probe is None or not self._probe.needs_context:
            return None
        return self._session.context(*_inputs(work))

    def probe(
        self,
        heads: Sequence[Head],
        elements: Integers,
        points: Floats,
        numbers: Integers,
        positions: Floats,
        context: Context | None,
    ) -> npt.NDArray[np.float32]:
        """Return Ω (heads · elements, points) for arguments as of `ProbeSession.run`.

        Raises:
            UnusableModelError: the model has no probe graph.
        """
        if self._probe is None:
            raise UnusableModelError(f"{self.name}@{self.version} has no probe.onnx", "NO_PROBE", "model")
        return self._probe.run(heads, elements, points, numbers, positions, context)

    def _warm_up(self) -> None:
        """Run a row of all elements, 1 Å apart, and one atom alone."""
        numbers = [*self.card.elements, self.card.elements[0]]
        positions = np.arange(len(numbers))[:, None] * [1.0, 0.0, 0.0]
        structures = Structures.molecules([len(numbers) - 1, 1], numbers, positions)
        work = self.prepare(structures)
        outputs = self.run(work)
        if not all(np.isfinite(values).all() for values in outputs.values()):
            raise BundleError("atoms.onnx: gives numbers that are not finite")
        if any(values.shape != (len(numbers),) for values in outputs.values()):
            raise BundleError("atoms.onnx: outputs of heads must be (atoms,)")
        if self.takes_molecules:
            self._warm_up_molecules(DenseWork.of(structures, structures.counts))
        if self._probe is not None:
            self._warm_up_probes(work)

    def _warm_up_molecules(self, work: DenseWork) -> None:
        """Run the same structures side by side, one atom among empty slots, and what needs most memory."""
        outputs = self.run(work)
        if not all(np.isfinite(values).all() for values in outputs.values()):
            raise BundleError("molecules.onnx: gives numbers that are not finite")
        assert self._molecules is not None
        if self._shapes.doubling:
            for shape in self._shapes.largest(MOST_ATOMS):
                self._molecules.run(np.zeros(shape, np.int64), np.zeros((*shape, 3), np.float32))

    def _warm_up_probes(self, work: TableWork) -> None:
        """Carry a probe of every element past the atoms."""
        elements, numbers = np.array(self.card.elements), work.structures.numbers
        points = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
        context = self.context(work)
        values = self.probe(self.card.heads, elements, points, numbers, work.structures.positions, context)
        if values.shape != (len(self.card.heads) * len(elements), len(points)):
            raise BundleError("probe.onnx: outputs of heads must be (elements, points)")
        if not np.isfinite(values).all():
            raise BundleError("probe.onnx: gives numbers that are not finite")


def _inputs(work: TableWork) -> tuple[Integers, npt.NDArray[np.float32], NeighborTable]:
    """Return numbers, positions and neighbor table as the atoms graph reads them."""
    numbers, near = work.structures.numbers, work.near_origin
    return numbers, near.structures.positions.astype(np.float32), make_table(near.pairs, len(numbers))
