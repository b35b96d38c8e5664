"""Pool: the molecules that all contenders are asked about, in a file that each of them reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

SEED = 0
ELEMENTS = ("H", "C", "N", "O")
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pool:
    """Molecules in flat arrays; molecule k owns ``counts[k]`` consecutive atoms."""

    counts: Integers  # (molecules,)
    numbers: Integers  # (atoms,)
    positions: Floats  # (atoms, 3) Å

    def save(self, path: Path) -> None:
        """Write the molecules."""
        np.savez(path, counts=self.counts, numbers=self.numbers, positions=self.positions)

    @classmethod
    def load(cls, path: str | Path) -> Pool:
        """Return what `save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["counts"], arrays["numbers"], arrays["positions"])

    @property
    def offsets(self) -> Integers:
        """First atom of every molecule and, last, the number of atoms: (molecules + 1,)."""
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)

    def parts(self) -> list[tuple[Integers, Floats]]:
        """Return numbers (atoms,) and positions (atoms, 3) of each molecule."""
        cuts = self.offsets[1:-1]
        return list(zip(np.split(self.numbers, cuts), np.split(self.positions, cuts), strict=True))

    def take(self, rows: npt.ArrayLike) -> Pool:
        """Return some of the molecules."""
        chosen = np.asarray(rows, np.int64)
        parts = self.parts()
        return Pool(
            self.counts[chosen],
            np.concatenate([parts[row][0] for row in chosen]),
            np.concatenate([parts[row][1] for row in chosen]),
        )

    def __len__(self) -> int:
        return len(self.counts)


def qm9(path: Path, molecules: int) -> Pool:
    """Return molecules of a file of QM9 in the layout of the README, the same ones every time."""
    with np.load(path) as arrays:
        everything = Pool(
            arrays["n_atoms"].astype(np.int64),
            arrays["numbers"].astype(np.int64),
            arrays["positions"].astype(np.float64),
        )
    rows = np.random.default_rng(SEED).permutation(len(everything))[:molecules]
    return everything.take(rows)


def made_up(molecules: int) -> Pool:
    """Return molecules without chemistry, of the sizes and elements of QM9's, the same ones every time."""
    from atomlens.client.bench import synthetic

    structures = synthetic(ELEMENTS, molecules, SEED)
    return Pool(
        np.array([len(structure) for structure in structures]),
        np.concatenate([structure.numbers for structure in structures]).astype(np.int64),
        np.concatenate([structure.positions for structure in structures]),
    )
