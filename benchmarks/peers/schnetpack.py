"""SchNetPack in process, with the weights of the bundled SchNet: its modules, neighbor lists and batches."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
import torch
import torch.utils.data.dataloader

from benchmarks.pool import Pool
from benchmarks.worker import repeat

# SchNetPack 2.1.1 asks for torch < 2.5 and, of newer ones, misses nothing but this name.
if not hasattr(torch.utils.data.dataloader, "T_co"):
    torch.utils.data.dataloader.T_co = torch.utils.data.dataloader._T_co  # type: ignore[attr-defined]

import schnetpack
from ase import Atoms
from schnetpack import atomistic, representation, transform
from schnetpack.interfaces import AtomsConverter
from schnetpack.model import NeuralNetworkPotential
from schnetpack.nn import CosineCutoff, GaussianRBF, shifted_softplus

NEIGHBORS = {
    "TorchNeighborList": transform.TorchNeighborList,
    "MatScipyNeighborList": transform.MatScipyNeighborList,
}
ENERGY = "energy"
# Names of the weights there, and here.
NAMES = {
    "in2f": "project",
    "f2out.0": "update.0",
    "f2out.1": "update.2",
    "filter_network.0": "filters.0",
    "filter_network.1": "filters.2",
}


class SchNetPack:
    """Energies and their contributions from `ase.Atoms`, batch by batch."""

    def __init__(self, pool: str, weights: str, provider: str = "cpu") -> None:
        self._device = provider
        with np.load(weights) as arrays:
            self._model = _model(dict(arrays)).to(provider)
        self._atoms = [Atoms(numbers, positions) for numbers, positions in Pool.load(pool).parts()]

    def versions(self) -> dict[str, str]:
        """Return what is installed."""
        return {"SchNetPack": schnetpack.__version__, "torch of SchNetPack": torch.__version__}

    def energies(self, count: int) -> list[float]:
        """Return the energies of the first molecules in eV."""
        answer = self._run(self._converter("MatScipyNeighborList"), self._atoms[:count])
        return [float(energy) for energy in answer[ENERGY]]

    def measure(self, seconds: float, neighbors: str, threads: int, batch: int) -> Mapping[str, float]:
        """Explain molecule after molecule: conversion, neighbor list and network."""
        torch.set_num_threads(threads)
        converter = self._converter(neighbors)
        starts = cycle(range(0, max(len(self._atoms) - batch, 1), batch))

        def step() -> int:
            first = next(starts)
            return len(self._run(converter, self._atoms[first : first + batch])[ENERGY])

        step()
        return repeat(step, seconds)

    def model_only(self, seconds: float, neighbors: str, threads: int, batch: int) -> Mapping[str, float]:
        """Run the network alone, on inputs that are ready."""
        torch.set_num_threads(threads)
        inputs = self._converter(neighbors)(self._atoms[:batch])

        def step() -> int:
            with torch.no_grad():
                return len(self._model(dict(inputs))[ENERGY].cpu())

        step()
        return repeat(step, seconds)

    @property
    def _cutoff(self) -> float:
        return float(self._model.representation.cutoff)

    def _converter(self, neighbors: str) -> AtomsConverter:
        return AtomsConverter(NEIGHBORS[neighbors](cutoff=self._cutoff), device=self._device)

    def _run(self, converter: Any, atoms: list[Atoms]) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            answer = self._model(converter(atoms))
        return {ENERGY: answer[ENERGY].cpu()}  # which waits for a GPU


make = SchNetPack


def _model(arrays: Mapping[str, np.ndarray[Any, Any]]) -> Any:
    """Return the network that the bundled SchNet is, in SchNetPack's modules."""
    features = arrays["embedding.weight"].shape[1]
    gaussians, cutoff = len(arrays["gaussians.centers"]), float(arrays["cutoff"])
    blocks = sum(name.endswith("project.weight") for name in arrays)
    net = representation.SchNet(features, blocks, GaussianRBF(gaussians, cutoff), CosineCutoff(cutoff))
    energies = atomistic.Atomwise(
        features, activation=shifted_softplus, output_key=ENERGY, per_atom_output_key="energies"
    )
    offsets = transform.AddOffsets(ENERGY, add_atomrefs=True)
    offsets.atomref = torch.tensor(arrays["offsets"])  # eV, by atomic number
    after = [transform.CastTo64(), offsets]
    pairs = [atomistic.PairwiseDistances()]
    model = NeuralNetworkPotential(net, input_modules=pairs, output_modules=[energies], postprocessors=after)
    model.load_state_dict({**model.state_dict(), **_weights(arrays, blocks)})
    return model.eval()


def _weights(arrays: Mapping[str, np.ndarray[Any, Any]], blocks: int) -> dict[str, torch.Tensor]:
    """Return the weights under SchNetPack's names, with scale and mean in the last layer."""
    found = {"representation.embedding.weight": arrays["embedding.weight"][:100]}
    for block in range(blocks):
        for theirs, ours in NAMES.items():
            for kind in ("weight", "bias"):
                if (name := f"blocks.{block}.{ours}.{kind}") in arrays:
                    found[f"representation.interactions.{block}.{theirs}.{kind}"] = arrays[name]
    last = "output_modules.0.outnet"
    for kind in ("weight", "bias"):
        found[f"{last}.0.{kind}"] = arrays[f"output.0.{kind}"]
        found[f"{last}.1.{kind}"] = arrays["scale"] * arrays[f"output.2.{kind}"]
    found[f"{last}.1.bias"] = found[f"{last}.1.bias"] + arrays["shift"]
    return {name: torch.tensor(array) for name, array in found.items()}
