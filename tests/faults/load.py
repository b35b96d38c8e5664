"""Load: callers that ask over and over while something goes wrong, and check every answer."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from atomlens.client import Client, Structure, Structures
from atomlens.client.backoff import BackoffSettings
from atomlens.client.probe import Grid
from atomlens.client.stream_settings import StreamSettings

MODEL = "toy-schnet-energy"
PATIENT = StreamSettings(chunk_atoms=512, window_atoms=4096, backoff=BackoffSettings(60, 0.05, 1.0))
KINDS = ("unary", "batch", "stream", "probe")
AS_EXACT_AS_COMPANY_ALLOWS = 1e-4  # eV; toys are not trained, and the last bits depend on what is beside
WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]])
GRID = Grid(np.full(3, -4.0), np.eye(3) * 0.2, (40, 40, 40))
SLAB_POINTS = 16_384  # four slabs


class Load:
    """One caller of each kind, in threads of their own, that compare each answer with what it must be."""

    def __init__(self, address: str, **settings: Any) -> None:
        given: dict[str, Any] = {"streaming": PATIENT} | settings
        self._client = Client(address, **given)
        self.served: Counter[str] = Counter()  # requests that were answered right, by kind
        self.lost: list[tuple[str, BaseException]] = []
        self._leave, self._counted = threading.Event(), threading.Condition()
        rng = np.random.default_rng(3)
        self._structures = [_chain(rng, atoms) for atoms in range(2, 34)]
        self._energies = self._client.explain_batch(self._structures, MODEL).properties["energy"]
        self._map = self._probed()
        self._threads = [threading.Thread(target=self._call, args=(kind,), name=kind) for kind in KINDS]

    def wait_for(self, more: int) -> None:
        """Wait until callers of every kind have that many more answers, or one has failed."""
        with self._counted:
            wanted = {kind: self.served[kind] + more for kind in KINDS}
            self._counted.wait_for(
                lambda: self.lost or all(self.served[kind] >= many for kind, many in wanted.items())
            )

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        for thread in self._threads:
            thread.join()
        self._client.close()

    def __str__(self) -> str:
        served = ", ".join(f"{many} {kind}" for kind, many in sorted(self.served.items()))
        return f"served {served}; lost {len(self.lost)}"

    def _call(self, kind: str) -> None:
        calls: dict[str, Callable[[], Iterator[int]]] = {
            "unary": self._unary,
            "batch": self._batch,
            "stream": self._stream,
            "probe": self._probe,
        }
        try:
            for many in calls[kind]():
                with self._counted:
                    self.served[kind] += many
                    self._counted.notify_all()
        except BaseException as error:  # told to the test, in its own thread
            with self._counted:
                self.lost.append((kind, error))
                self._counted.notify_all()

    def _unary(self) -> Iterator[int]:
        while not self._leave.is_set():
            for structure, energy in zip(self._structures, self._energies, strict=True):
                answer = self._client.explain(structure, MODEL)
                _check_equal(np.array(answer.energy), energy)
                yield 1

    def _batch(self) -> Iterator[int]:
        while not self._leave.is_set():
            answers = self._client.explain_batch(self._structures, MODEL)
            _check_equal(answers.properties["energy"], self._energies)
            yield 1

    def _stream(self) -> Iterator[int]:
        answers = self._client.stream_batches(self._batches(), MODEL)
        for answer in answers:
            _check_equal(answer.properties["energy"], self._energies)
            yield 1

    def _batches(self) -> Iterator[Structures]:
        while not self._leave.is_set():
            yield Structures.of(self._structures)

    def _probe(self) -> Iterator[int]:
        while not self._leave.is_set():
            if self._probed() != self._map:
                raise AssertionError("a probe map differs in a byte")
            yield 1

    def _probed(self) -> bytes:
        found = self._client.probe(WATER, "H", MODEL, grid=GRID, slab_points=SLAB_POINTS).collect(
            progress=False
        )
        return bytes(found.values.tobytes())


@contextmanager
def loaded(address: str, record: Callable[[str, object], None], **settings: Any) -> Iterator[Load]:
    """Yield a load that is under way; at the end nothing of it may be lost, and what it had is recorded."""
    with Load(address, **settings) as load:
        load.wait_for(1)
        yield load
    record("requests", str(load))
    print(load)
    for kind, error in load.lost:
        raise AssertionError(f"a call of kind {kind} was lost; {load}") from error


def _chain(rng: np.random.Generator, atoms: int) -> Structure:
    """Return atoms in a row that is not straight."""
    positions = np.arange(atoms)[:, None] * [1.1, 0.0, 0.0] + rng.uniform(-0.2, 0.2, (atoms, 3))
    return Structure(rng.choice([1, 6, 7, 8], atoms), positions)


def _check_equal(answer: Any, expected: Any) -> None:
    if not np.allclose(answer, expected, rtol=0.0, atol=AS_EXACT_AS_COMPANY_ALLOWS):
        raise AssertionError(f"an energy is {answer} and must be {expected} eV")
