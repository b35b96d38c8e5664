"""A miniature of what `make bench` runs, with a handful of molecules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from atomlens.client.testing import RunningServer, serve
from atomlens.export.checkpoint import Checkpoint
from benchmarks.contenders.asking import Asking
from benchmarks.contenders.eager import Eager
from benchmarks.contenders.engine import InProcess
from benchmarks.contenders.identity import Identity
from benchmarks.contenders.sessions import Sessions
from benchmarks.feeds import load_feeds
from benchmarks.material import checkpoint_file, graph_file, save_dense, save_tables
from benchmarks.pool import Pool, made_up
from benchmarks.rounds import rate
from benchmarks.settings import MODEL
from benchmarks.weights import naive_graph, save_weights

MOLECULES, SECONDS, HEAD = 10, 0.02, "energy"
SAME_EV = 1e-3  # of a molecule: float32 sums in another order


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Ten molecules."""
    return made_up(MOLECULES)


@pytest.fixture(scope="module")
def pool_file(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with them."""
    path = tmp_path_factory.mktemp("pool") / "pool.npz"
    pool.save(path)
    return str(path)


@pytest.fixture(scope="module")
def engine(pool_file: str) -> InProcess:
    """The engine with the bundled models."""
    return InProcess(pool_file, "cpu")


@pytest.fixture(scope="module")
def energies(engine: InProcess) -> list[float]:
    """What the bundled model says."""
    return engine.energies(MOLECULES, MODEL)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """A server with the bundled models."""
    with serve() as running:
        yield running


def measured(answer: object) -> bool:
    """Return whether an answer is a rate that makes sense."""
    assert isinstance(answer, dict)
    return answer["structures"] > 0 and 0 < rate(answer) < math.inf


def test_engine_and_its_sessions(engine: InProcess, pool: Pool, tmp_path: Path) -> None:
    """What the engine feeds its graph is recorded, and the graph runs on it alone; no molecule is lost."""
    feeds = str(tmp_path / "feeds.npz")
    told = engine.record(feeds, MODEL, 4)
    assert told["graph"] in ("atoms.onnx", "molecules.onnx")
    graph = graph_file(MODEL, told["graph"])
    sessions = Sessions(str(graph), feeds, "cpu", HEAD, sessions=2)
    assert measured(sessions.measure(SECONDS, sessions=2))
    assert np.isfinite(sessions.contributions(0)).all()
    assert sessions.median_ms(3) > 0
    assert measured(engine.measure(SECONDS, MODEL, threads=2, batch=4))
    fed = np.load(feeds)
    real = sum(int((fed[name] > 0).sum()) for name in fed.files if name.endswith(" numbers"))
    assert real == pool.counts.sum()


def test_eager_torch_says_the_same(pool_file: str, energies: list[float]) -> None:
    """The network in torch gives the bundle's energies."""
    eager = Eager(pool_file, str(checkpoint_file(MODEL)))
    assert eager.energies(MOLECULES) == pytest.approx(energies, abs=SAME_EV)
    assert measured(eager.measure(SECONDS, threads=1, batch=4))


def test_the_naive_graph_says_the_same(pool: Pool, engine: InProcess, tmp_path: Path) -> None:
    """An export without care gives the contributions of the bundle's graph."""
    checkpoint = Checkpoint.load(checkpoint_file(MODEL))
    (tmp_path / "naive.onnx").write_bytes(naive_graph(checkpoint))
    tables = str(tmp_path / "tables.npz")
    save_tables(Path(tables), pool, 5.0, MOLECULES)
    graphs = (tmp_path / "naive.onnx", graph_file(MODEL, "atoms.onnx"))
    naive, ours = (Sessions(str(graph), tables, "cpu", HEAD) for graph in graphs)
    assert naive.contributions(0) == pytest.approx(ours.contributions(0), abs=SAME_EV)
    assert measured(naive.measure(SECONDS, sessions=1))
    text = (tmp_path / "naive.onnx").read_bytes()
    assert b"Softplus" in text


def test_the_server_says_the_same(pool_file: str, server: RunningServer, energies: list[float]) -> None:
    """Over the socket energies are the engine's, under load and one at a time."""
    with closing(Asking(pool_file, server.address)) as asking, closing(Identity()) as identity:
        assert asking.energies(MOLECULES, MODEL) == pytest.approx(energies, abs=1e-9)
        load = asking.load(MODEL, mode="stream", seconds=0.2, warm_up_seconds=0.0, batch=4)
        assert load["answered"] > 0
        assert load["errors"] == {}
        latency = asking.latency(MODEL, 3, identity.address())
        assert all(0 < value < math.inf for value in latency.values())


def test_probes_say_the_same(pool_file: str, server: RunningServer, tmp_path: Path) -> None:
    """A map over the socket has the values of eager torch at the same points."""
    points, elements = str(tmp_path / "points.npz"), ["H", "O"]
    eager = Eager(pool_file, str(checkpoint_file(MODEL)))
    with closing(Asking(pool_file, server.address)) as asking:
        count = asking.save_points(points, elements, 60)
        served = asking.probe_values(MODEL, elements, 60, count)
        assert np.array(served) == pytest.approx(np.array(eager.probe_values(points, count)), abs=SAME_EV)
        answer = asking.probe(MODEL, elements, 60)
        assert answer["values"] == 2 * count
        assert asking.open_probe(MODEL, elements, 60) == count
        assert asking.read_probe() == 2 * count
    with closing(Asking(pool_file)) as local:
        batches = local.record_probe(str(tmp_path / "fed.npz"), MODEL, elements, 60)
        assert sum(feed.structures for feed in load_feeds(tmp_path / "fed.npz")) >= count
        assert batches > 0
    assert measured(eager.probe(SECONDS, points, threads=1, chunk=16))


def test_dense_batches_hold_every_molecule(pool: Pool, tmp_path: Path) -> None:
    """Molecules of nearly one size share a batch, padded with 0, and none is lost."""
    save_dense(tmp_path / "dense.npz", pool, 4)
    feeds = load_feeds(tmp_path / "dense.npz")
    assert [feed.structures for feed in feeds] == [4, 4, 2]
    sizes = np.concatenate([(feed.inputs["numbers"] > 0).sum(1) for feed in feeds])
    assert sizes.tolist() == sorted(pool.counts.tolist())


def test_water(engine: InProcess) -> None:
    """Boxes of any size are explained, and their pairs counted."""
    answer = engine.water(18, 36, 1, MODEL)
    assert answer["boxes"] == 2
    assert answer["pairs"] > 18 * 30
    assert 0 < answer["seconds"] < math.inf


def test_weights_are_written(tmp_path: Path) -> None:
    """Peers get every weight, with scale, mean and offsets of the head."""
    save_weights(Checkpoint.load(checkpoint_file(MODEL)), tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz") as arrays:
        assert {"embedding.weight", "scale", "shift", "offsets", "cutoff"} <= set(arrays.files)
        assert arrays["offsets"][8] < arrays["offsets"][1] < 0
