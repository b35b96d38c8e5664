"""Growth: what a pair and an atom cost in boxes of water from small to large."""

from __future__ import annotations

from typing import Any

from benchmarks.cast import Cast
from benchmarks.rounds import say
from benchmarks.settings import MODEL

REPEATS = 3


def growth(cast: Cast) -> list[dict[str, Any]]:
    """Return time per pair and per atom of each size; every measurement has as many atoms in all."""
    sizes = cast.settings.sizes
    best: dict[int, dict[str, float]] = {}
    for _ in range(min(REPEATS, cast.settings.repeats)):
        for atoms in sizes:
            given = {"atoms": atoms, "total": cast.settings.growth_atoms, "repeats": 1, "model": MODEL}
            answer = cast["engine"].ask("water", **given)
            if atoms not in best or answer["seconds"] < best[atoms]["seconds"]:
                best[atoms] = answer
    found = []
    for atoms in sizes:
        one = best[atoms]
        say(f"  {atoms} atoms: {1e6 * one['seconds'] / one['pairs']:.3f} µs a pair")
        found.append(
            {
                "atoms": atoms,
                "boxes": one["boxes"],
                "pairs_per_atom": one["pairs"] / one["atoms"],
                "us_per_pair": 1e6 * one["seconds"] / one["pairs"],
                "us_per_atom": 1e6 * one["seconds"] / one["atoms"],
            }
        )
    return found
