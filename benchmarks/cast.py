"""Cast: the processes of all contenders, started together, and why some of them are missing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.material import Material, checkpoint_file, graph_file, save_dense, save_tables, write_networks
from benchmarks.memory import memory
from benchmarks.process import ROOT, ContenderError, Process
from benchmarks.rounds import say
from benchmarks.server import Server
from benchmarks.settings import MODEL, OTHER_MODEL, Settings

HEAD = "energy"
DENSE = "molecules.onnx"
CUTOFF_ANGSTROM = 5.0  # of the bundled QM9 models
REQUEST, TABLES = 512, 64  # structures of a request to the engine, and of a batch with tables
PEERS = {
    "schnetpack": ROOT / ".venv-schnetpack" / "bin" / "python",
    "triton": ROOT / ".venv-triton" / "bin" / "python",
}


class Cast:
    """Contenders by name; those that cannot be had are in `missing` with the reason."""

    def __init__(self, settings: Settings, material: Material) -> None:
        self.settings, self.material = settings, material
        self.missing: dict[str, str] = {}
        self.feeds: dict[str, dict[str, Any]] = {}  # of each model: what the engine feeds its graph
        self._processes: dict[str, Process] = {}
        self._stack = ExitStack()
        try:
            self.server = self._stack.enter_context(Server(settings.provider, material.models))
            self._start_all()
        except BaseException:
            self._stack.close()
            raise

    def __getitem__(self, name: str) -> Process:
        """Return a contender's process.

        Raises:
            ContenderError: there is none.
        """
        if name not in self._processes:
            raise ContenderError(self.missing.get(name, "there is no such contender"))
        return self._processes[name]

    def __contains__(self, name: str) -> bool:
        return name in self._processes

    def graph_of(self, model: str) -> Path:
        """Return the graph that the engine runs for small molecules."""
        return self.bundled(model, str(self.feeds[model]["graph"]))

    def bundled(self, model: str, name: str) -> Path:
        """Return a file of a model."""
        return graph_file(model, name, self.material.models)

    def start(self, name: str, module: str, given: Mapping[str, Any], python: Path | None = None) -> None:
        """Start a contender with what its ``make`` is given, or note why it cannot be had."""
        say(f"starting {name}")
        try:
            process = Process(f"benchmarks.{module}", given, python)
            self._processes[name] = self._stack.enter_context(process)
        except ContenderError as error:
            self.missing[name] = str(error)
            say(f"  {name} is missing: {error}")

    def peaks_mib(self) -> dict[str, float]:
        """Return the largest resident memory of each process so far."""
        pids = {"server": self.server.pid, **{name: process.pid for name, process in self._processes.items()}}
        return {name: round(memory(pid).peak_mib, 1) for name, pid in pids.items()}

    def __enter__(self) -> Cast:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start_all(self) -> None:
        pool = {"pool": self.material.pool_file}
        ours = {**pool, "provider": self.settings.provider}
        engine = {**ours, "models": self.material.models}
        write_networks(self.material)
        self.start("engine", "contenders.engine", engine)
        self.start("asking", "contenders.asking", {**pool, "address": self.server.address})
        self.start("local", "contenders.asking", engine)
        self.start("identity", "contenders.identity", {})
        self.start("eager", "contenders.eager", {**ours, "checkpoint": str(checkpoint_file(MODEL))})
        for model in (MODEL, OTHER_MODEL):
            self._start_sessions(model)
        self._start_tables()
        self._start_schnetpack({**ours, "weights": self.material.weights_file})
        self._start_triton()

    def _graph(self, graph: Path | str, feeds: str) -> dict[str, Any]:
        """Return what a contender that runs a graph is given."""
        return {"graph": str(graph), "feeds": feeds, "provider": self.settings.provider, "head": HEAD}

    def _start_sessions(self, model: str) -> None:
        """Start sessions on what the engine feeds them, in one process and in one process each."""
        feeds, cores = self.material.file(f"{model}.npz"), self.settings.cores
        self.feeds[model] = self["engine"].ask("record", path=feeds, model=model, batch=REQUEST)
        given = self._graph(self.graph_of(model), feeds)
        self.start(f"sessions {model}", "contenders.sessions", {**given, "sessions": cores})
        for core in range(cores if model == MODEL else 0):
            self.start(f"session {core}", "contenders.sessions", given)

    def _start_tables(self) -> None:
        """Start the naive graph and the bundle's own on batches that are the same for all."""
        tables = self.material.file("tables.npz")
        save_tables(Path(tables), self.material.pool, CUTOFF_ANGSTROM, TABLES)
        for name, graph in (
            ("naive", self.material.naive_file),
            ("atoms", self.bundled(MODEL, "atoms.onnx")),
        ):
            given = self._graph(graph, tables)
            self.start(name, "contenders.sessions", {**given, "sessions": self.settings.cores})

        if self.feeds[MODEL]["graph"] == DENSE:
            sorted_file = self.material.file("sorted.npz")
            save_dense(Path(sorted_file), self.material.pool, TABLES)
            given = self._graph(self.bundled(MODEL, DENSE), sorted_file)
            self.start("sorted", "contenders.sessions", {**given, "sessions": self.settings.cores})

    def _start_schnetpack(self, given: Mapping[str, Any]) -> None:
        for core in range(self.settings.cores):
            self.start(f"schnetpack {core}", "peers.schnetpack", given, PEERS["schnetpack"])

    def _start_triton(self) -> None:
        python, instances = PEERS["triton"], {"instances": self.settings.cores}
        given = self._graph(self.graph_of(MODEL), self.material.file(f"{MODEL}.npz"))
        feeds, provider = ({name: given.pop(name)} for name in ("feeds", "provider"))
        self.start("triton", "peers.triton", {**given, **provider, **instances}, python)
        if "triton" not in self:
            self.missing["triton client"] = self.missing["triton"]
            return
        asked = {"address": self["triton"].ask("address"), **feeds, "head": HEAD, **instances}
        self.start("triton client", "peers.triton_client", asked, python)
