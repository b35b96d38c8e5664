"""Settings: what is measured, for how long and on what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MODEL = "schnet-qm9-energy"
OTHER_MODEL = "bpnn-qm9-energy"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one run of all benchmarks goes; the defaults are those of `make bench`."""

    data: Path | None = None  # qm9.npz; None or a missing file: molecules are made up
    provider: str = "cpu"
    molecules: int = 2048
    seconds: float = 1.5  # of each measurement
    repeats: int = 4
    cores: int = 2  # that everything is pinned to, clients included
    clients: tuple[int, ...] = (1, 4, 16)
    calls: int = 300  # of which a median latency is made, in each round
    probe_points: int = 200_000
    large_probe_points: int = 1_000_000
    sizes: tuple[int, ...] = (18, 81, 375, 2_187, 9_999)  # atoms of boxes of water
    growth_atoms: int = 9_999  # of each measurement, as many boxes as that makes

    @classmethod
    def small(cls, provider: str = "cpu") -> Settings:
        """Return the settings of a run of seconds, which shows that everything works and measures nothing."""
        return cls(
            provider=provider,
            molecules=96,
            seconds=0.2,
            repeats=1,
            clients=(1, 2),
            calls=5,
            probe_points=500,
            large_probe_points=20_000,
            sizes=(18, 81),
            growth_atoms=81,
        )
