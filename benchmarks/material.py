"""Material: what all contenders are given, in a directory that is gone after the run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.feeds import Arrays, Feed, save_feeds
from benchmarks.pool import Pool, made_up, qm9
from benchmarks.process import ROOT
from benchmarks.settings import MODEL, Settings

MODELS = ROOT / "server" / "atomlens" / "server" / "models"
CHECKPOINTS = ROOT / "checkpoints"
MADE_UP = "molecules made up of H, C, N and O (no data were given): plausible distances, no chemistry"
FROM_QM9 = "molecules of QM9, drawn at random with a fixed seed"


@dataclass(frozen=True, slots=True)
class Material:
    """Files of one run."""

    directory: Path
    pool: Pool
    source: str  # what the molecules are

    @property
    def models(self) -> str:
        """A copy of the bundled models, which all contenders use: it stays the same throughout the run."""
        return str(self.directory / "models")

    @property
    def pool_file(self) -> str:
        """The molecules."""
        return str(self.directory / "pool.npz")

    @property
    def weights_file(self) -> str:
        """The trained weights as plain arrays."""
        return str(self.directory / "weights.npz")

    @property
    def naive_file(self) -> str:
        """The graph of an export without care."""
        return str(self.directory / "naive.onnx")

    def file(self, name: str) -> str:
        """Return the path of another file."""
        return str(self.directory / name)


@contextmanager
def prepared(settings: Settings) -> Iterator[Material]:
    """Make the material, and remove it after the block."""
    given = settings.data is not None and settings.data.is_file()
    pool = qm9(settings.data, settings.molecules) if settings.data and given else made_up(settings.molecules)
    with TemporaryDirectory(prefix="atomlens-benchmarks-") as directory:
        material = Material(Path(directory), pool, FROM_QM9 if given else MADE_UP)
        pool.save(Path(material.pool_file))
        shutil.copytree(MODELS, material.models)
        yield material


def write_networks(material: Material) -> None:
    """Write the trained weights and the naive graph."""
    from atomlens.export.checkpoint import Checkpoint
    from benchmarks.weights import naive_graph, save_weights

    checkpoint = Checkpoint.load(checkpoint_file(MODEL))
    save_weights(checkpoint, Path(material.weights_file))
    Path(material.naive_file).write_bytes(naive_graph(checkpoint))


def save_tables(path: Path, pool: Pool, cutoff: float, batch: int) -> None:
    """Write batches of molecules with neighbor tables, as a graph of tables reads them."""
    from atomlens.server.neighbors import find_pairs, make_table
    from atomlens.server.structures import Structures

    feeds = []
    for start in range(0, len(pool), batch):
        part = pool.take(np.arange(start, min(start + batch, len(pool))))
        placed = Structures.molecules(part.counts, part.numbers, part.positions).placed
        table = make_table(find_pairs(placed, cutoff), len(part.numbers))
        inputs: Arrays = {
            "numbers": part.numbers,
            "positions": placed.positions.astype(np.float32),
            "neighbors": table.neighbors,
            "shifts": table.shifts,
        }
        feeds.append(Feed(len(part), inputs))
    save_feeds(path, feeds)


def save_dense(path: Path, pool: Pool, batch: int) -> None:
    """Write batches of molecules of nearly one size as `molecules.onnx` reads them."""
    order, parts, feeds = np.argsort(pool.counts, kind="stable"), pool.parts(), []
    for rows in np.split(order, range(batch, len(order), batch)):
        shape = len(rows), int(pool.counts[rows].max())
        inputs: Arrays = {
            "numbers": np.zeros(shape, np.int64),
            "positions": np.zeros((*shape, 3), np.float32),
        }
        for slot, row in enumerate(rows):
            numbers, positions = parts[row]
            inputs["numbers"][slot, : len(numbers)] = numbers
            inputs["positions"][slot, : len(numbers)] = positions - positions.mean(axis=0)
        feeds.append(Feed(len(rows), inputs))
    save_feeds(path, feeds)


def graph_file(model: str, name: str, models: Path | str = MODELS) -> Path:
    """Return a graph of the highest version of a model."""
    versions = sorted((Path(models) / model).iterdir(), key=lambda path: int(path.name))
    return versions[-1] / name


def checkpoint_file(model: str) -> Path:
    """Return the checkpoint that a bundled model was made of."""
    return CHECKPOINTS / f"{model}.pt"
