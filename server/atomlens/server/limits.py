"""Limits: what the engine takes at most, and how much it does at once."""

from __future__ import annotations

from dataclasses import dataclass, fields

MAX_STRUCTURES = 25_000  # of one message, whose answer must hold an error for each


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on single structures, requests and batches. Cost is atoms + pairs within the cutoff."""

    max_atoms: int = 100_000  # of one structure
    max_structure_cost: int = 1_000_000  # a SchNet of 64 features takes 1.5 kB for each
    max_request_cost: int = 20_000_000
    batch_cost: int = 50_000  # beyond which a batch is closed
    max_coordinate_angstrom: float = 1e6
    min_distance_angstrom: float = 0.01  # below which two atoms are on one place
    max_probe_points: int = 20_000_000
    max_probe_extent_angstrom: float = 1000.0  # of a grid along each axis

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"`{field.name}` must be positive, got {getattr(self, field.name)}")
