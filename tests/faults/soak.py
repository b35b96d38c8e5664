"""Soak: random work of all kinds for as long as wanted, and what it does to the memory of a server.

python -m tests.faults.soak [--minutes 10] [--models DIRECTORY]
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from atomlens.client import Client, Failure, Structure
from atomlens.client.probe import Grid
from tests.served import Served

MODELS = ("schnet-qm9-energy", "schnet-qm9-dipole", "bpnn-qm9-energy", "bpnn-qm9-dipole")
CRYSTALS = "schnet-mp-formation"
MOST_ATOMS = 400
SAMPLE_SECONDS = 2.0
WARM_UP = 0.3  # of the time, in which memory may grow: buffers and caches fill
FLAT = 0.05  # of the memory after that: what the rest of the time may add
SEED = 11


class Sample(NamedTuple):
    """What a server holds at a time."""

    seconds: float
    memory_mib: float
    files: int


class Soak:
    """Callers that ask for random things, each in a thread of its own."""

    def __init__(self, server: Served) -> None:
        self._server = server
        self.answered: Counter[str] = Counter()
        self.lost: list[str] = []
        self._leave, self._lock = threading.Event(), threading.Lock()

    def run(self, minutes: float) -> list[Sample]:
        """Ask for some minutes and return what the server held meanwhile."""
        callers = [
            *((self._single, seed) for seed in range(2)),
            (self._stream, 2),
            (self._crystal, 3),
            (self._probe, 4),
            (self._vanishing, 5),
        ]
        threads = [threading.Thread(target=self._call, args=caller) for caller in callers]
        for thread in threads:
            thread.start()
        samples, begun = [], time.monotonic()
        while (now := time.monotonic() - begun) < 60 * minutes and self._server.process.poll() is None:
            samples.append(Sample(now, self._server.memory_mib(), self._server.open_files()))
            self._leave.wait(SAMPLE_SECONDS)
        self._leave.set()
        for thread in threads:
            thread.join()
        return samples

    def _call(self, ask: Callable[[Client, np.random.Generator], Iterator[str]], seed: int) -> None:
        """Count what a caller is answered until it is time to leave."""
        rng = np.random.default_rng(SEED + seed)
        while not self._leave.is_set():
            try:
                with Client(self._server.address) as client:
                    for kind in ask(client, rng):
                        with self._lock:
                            self.answered[kind] += 1
            except Exception as error:  # whatever it is, it was an answer that did not come
                with self._lock:
                    self.lost.append(repr(error))

    def _single(self, client: Client, rng: np.random.Generator) -> Iterator[str]:
        while not self._leave.is_set():
            client.explain(molecule(rng), str(rng.choice(MODELS)))
            yield "single"

    def _stream(self, client: Client, rng: np.random.Generator) -> Iterator[str]:
        """Streams of up to a thousand structures, of which one in a hundred breaks a rule."""
        while not self._leave.is_set():
            many = int(rng.integers(1, 1000))
            structures = (molecule(rng, broken=rng.random() < 0.01) for _ in range(many))
            for outcome in client.stream(structures, str(rng.choice(MODELS))):
                yield "failure told" if isinstance(outcome, Failure) else "streamed"

    def _crystal(self, client: Client, rng: np.random.Generator) -> Iterator[str]:
        while not self._leave.is_set():
            client.explain(crystal(rng), CRYSTALS)
            yield "crystal"

    def _probe(self, client: Client, rng: np.random.Generator) -> Iterator[str]:
        """Maps of random sizes; every other one is left in the middle."""
        while not self._leave.is_set():
            grid = Grid(np.full(3, -6.0), np.eye(3) * 0.2, tuple(rng.integers(10, 80, 3).tolist()))
            element, model = str(rng.choice(["H", "C", "N", "O"])), str(rng.choice(MODELS))
            with client.probe(molecule(rng), element, model, grid=grid) as slabs:
                if rng.random() < 0.5:
                    next(slabs)
                    yield "probe left"
                else:
                    slabs.collect(progress=False)
                    yield "probe"

    def _vanishing(self, _: Client, rng: np.random.Generator) -> Iterator[str]:
        """Clients that open a connection of their own, ask and go before there is an answer."""
        while not self._leave.is_set():
            client = Client(self._server.address)
            answers = client.stream((molecule(rng) for _ in range(100)), MODELS[0])
            next(answers)
            client.close()
            yield "vanished"
            self._leave.wait(0.2)


def molecule(rng: np.random.Generator, broken: bool = False) -> Structure:
    """Return atoms on a distorted grid, as few or as many as can be."""
    atoms = int(np.exp(rng.uniform(0.0, np.log(MOST_ATOMS))))
    side = int(np.ceil(atoms ** (1 / 3)))
    places = np.stack(np.meshgrid(*[np.arange(side)] * 3), -1).reshape(-1, 3)[:atoms] * 1.5
    positions = places + rng.uniform(-0.2, 0.2, (atoms, 3))
    return Structure(np.full(atoms, 92) if broken else rng.choice([1, 6, 7, 8], atoms), positions)


def crystal(rng: np.random.Generator) -> Structure:
    """Return a distorted supercell of rock salt."""
    repeats = rng.integers(1, 4, 3)
    corners = np.array(
        [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
    )
    cells = np.stack(np.meshgrid(*[np.arange(many) for many in repeats], indexing="ij"), -1).reshape(-1, 1, 3)
    positions = (2.82 * (corners + 2 * cells)).reshape(-1, 3)
    numbers = np.tile([11] * 4 + [17] * 4, len(cells))
    cell = np.diag(5.64 * repeats)
    return Structure(numbers, positions + rng.uniform(-0.1, 0.1, positions.shape), cell=cell, pbc=True)


def told(samples: list[Sample], soak: Soak) -> bool:
    """Print what came of it and return whether memory was flat and nothing was lost."""
    end = samples[-1].seconds
    print("minute  memory MiB  files")
    for minute in range(int(end // 60) + 1):
        sample = min(samples, key=lambda one: abs(one.seconds - 60 * minute))
        print(f"{minute:6d}  {sample.memory_mib:10.0f}  {sample.files:5d}")
    warm = [sample for sample in samples if sample.seconds >= WARM_UP * end]
    times, memory = (np.array([sample[index] for sample in warm]) for index in (0, 1))
    slope, start = np.polyfit(times - times[0], memory, 1)
    growth = slope * (times[-1] - times[0])
    print(f"after warm-up: {start:.0f} MiB, {growth:+.1f} MiB in {(times[-1] - times[0]) / 60:.1f} min")
    print(
        ", ".join(f"{many} {kind}" for kind, many in sorted(soak.answered.items())),
        f"; lost {len(soak.lost)}",
    )
    for error in soak.lost[:5]:
        print("lost:", error)
    return bool(growth < FLAT * start) and not soak.lost


def main() -> int:
    """Soak a server and return 0 if memory was flat and nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--models", type=Path, help="directory of models; the bundled ones if not given")
    arguments = parser.parse_args()
    server = Served(arguments.models, workers=2, log_calls="failed")
    try:
        soak = Soak(server)
        flat = told(soak.run(arguments.minutes), soak)
        code = server.terminate()
    finally:
        server.kill()
    print(f"the server left with exit code {code}")
    return 0 if flat and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
