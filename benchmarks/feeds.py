"""Feeds: batches as a graph reads them, in a file, recorded from the engine or made for a graph of tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
NAME = re.compile(r"(\d+) (.+)")
STRUCTURES = "structures"


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """One batch."""

    structures: int
    inputs: Arrays  # by the names of the graph's inputs


def save_feeds(path: Path, feeds: Sequence[Feed]) -> None:
    """Write batches."""
    arrays: Arrays = {}
    for index, feed in enumerate(feeds):
        arrays[f"{index} {STRUCTURES}"] = np.array(feed.structures)
        arrays |= {f"{index} {name}": array for name, array in feed.inputs.items()}
    np.savez(path, **arrays)  # type: ignore[arg-type]


def load_feeds(path: str | Path) -> list[Feed]:
    """Return what `save_feeds` wrote."""
    found: dict[int, Arrays] = {}
    with np.load(path) as arrays:
        for key in arrays.files:
            match = NAME.fullmatch(key)
            assert match
            found.setdefault(int(match[1]), {})[match[2]] = arrays[key]
    return [Feed(int(inputs.pop(STRUCTURES)), inputs) for _, inputs in sorted(found.items())]


@contextmanager
def recording() -> Iterator[list[tuple[str, Arrays]]]:
    """Note what every session of the runtime is fed while the block lasts: (first output, inputs) each."""
    import onnxruntime

    noted: list[tuple[str, Arrays]] = []
    original = onnxruntime.InferenceSession.run

    def run(self: Any, names: Any, inputs: Mapping[str, Any], *rest: Any, **options: Any) -> Any:
        noted.append((self.get_outputs()[0].name, {name: np.array(array) for name, array in inputs.items()}))
        return original(self, names, inputs, *rest, **options)

    onnxruntime.InferenceSession.run = run
    try:
        yield noted
    finally:
        onnxruntime.InferenceSession.run = original


def structures_of(inputs: Arrays, atoms_per_structure: float) -> int:
    """Return how many structures a batch holds; of graphs of single atoms, how many it holds on average."""
    numbers = inputs["numbers"]
    return len(numbers) if numbers.ndim == 2 else max(round(len(numbers) / atoms_per_structure), 1)
