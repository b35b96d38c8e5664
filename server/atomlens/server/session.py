"""Session: a graph in ONNX Runtime, on the provider that was asked for and no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from atomlens.server.arena import ARENA
from atomlens.server.bundle import ATOMS, MOLECULES
from atomlens.server.card import Card
from atomlens.server.errors import BundleError, EngineError
from atomlens.server.neighbors import NeighborTable
from atomlens.server.structures import Floats, Integers

Provider = Literal[
    "cpu", "cuda", "cuda-tf32"
]  # the last multiplies with fewer digits, and is asked for by name
PROVIDERS: dict[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cuda-tf32": "CUDAExecutionProvider",
}
INPUTS = frozenset({"numbers", "positions", "neighbors", "shifts"})
DENSE_INPUTS = frozenset({"numbers", "positions"})
CUDA = {"arena_extend_strategy": "kSameAsRequested"}  # memory grows by what is asked for, not by doubling
CONTEXT = "context"
FLOATS = "tensor(float)"
NOWHERE = "/nonexistent"  # where weights outside the file are looked for: they are refused


class ProviderError(Exception):
    """The provider that was asked for is not to be had here."""


class Session:
    """One graph of a bundle. Any number of threads may run it at once."""

    def __init__(self, file: str, graph: bytes, provider: str, threads: int = 1) -> None:
        self._file = file
        self._session = _open(file, graph, provider, threads)
        self.inputs = frozenset(node.name for node in self._session.get_inputs())
        self.outputs = {node.name: node.type for node in self._session.get_outputs()}

    def check_contract(self, known: frozenset[str], wanted: Sequence[str]) -> None:
        """Do nothing if the graph asks for known inputs alone and has the wanted outputs.

        Raises:
            BundleError: it breaks the contract.
        """
        if not self.inputs <= known:
            raise BundleError(f"{self._file}: asks for unknown inputs {sorted(self.inputs - known)}")
        missing = set(wanted) - set(self.outputs)
        if missing:
            raise BundleError(f"{self._file}: lacks the outputs {sorted(missing)} of the card's heads")
        for name in wanted:
            if self.outputs[name] != FLOATS:
                raise BundleError(f"{self._file}: output {name!r} must be {FLOATS}, got {self.outputs[name]}")

    def run(self, outputs: Sequence[str], fed: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Return the outputs for what is fed, of which the graph takes what it asks for.

        Raises:
            EngineError: the runtime failed.
        """
        inputs = {name: fed[name] for name in self.inputs}
        try:
            arrays: list[npt.NDArray[Any]] = self._session.run(outputs, inputs)
        except Exception as error:  # the runtime's own errors share no base class
            raise EngineError(f"the runtime failed: {str(error).splitlines()[0]}") from error
        return arrays


class AtomsSession:
    """The atoms graph of one model. Any number of threads may run it at once."""

    def __init__(self, graph: bytes, card: Card, provider: str, threads: int = 1) -> None:
        self._session = Session(ATOMS, graph, provider, threads)
        self._heads = [head.name for head in card.heads]
        self._session.check_contract(INPUTS, self._heads)

    @property
    def has_context(self) -> bool:
        """Whether the graph tells the context of atoms."""
        return CONTEXT in self._session.outputs

    def run(
        self, numbers: Integers, positions: npt.NDArray[np.float32], table: NeighborTable
    ) -> dict[str, Floats]:
        """Return the contributions (atoms,) of every head, in float64.

        Args:
            numbers: atomic numbers, (atoms,).
            positions: in Å, (atoms, 3).
            table: the neighbors of the same atoms.

        Raises:
            EngineError: the runtime failed.
        """
        arrays = self._session.run(self._heads, _fed(numbers, positions, table))
        return {name: array.astype(np.float64) for name, array in zip(self._heads, arrays, strict=True)}

    def context(
        self, numbers: Integers, positions: npt.NDArray[np.float32], table: NeighborTable
    ) -> npt.NDArray[np.float32]:
        """Return what probes feel of the same atoms: (layers, atoms, features).

        Raises:
            EngineError: the runtime failed.
        """
        (context,) = self._session.run([CONTEXT], _fed(numbers, positions, table))
        return context


class MoleculesSession:
    """The graph of one model for dense batches. Any number of threads may run it at once."""

    def __init__(self, graph: bytes, card: Card, provider: str) -> None:
        self._session = Session(MOLECULES, graph, provider)
        self._heads = [head.name for head in card.heads]
        self._session.check_contract(DENSE_INPUTS, self._heads)

    def run(
        self, numbers: Integers, positions: npt.NDArray[np.float32]
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Return the contributions (molecules, slots) of every head; those of empty slots mean nothing.

        Args:
            numbers: atomic numbers, 0 for an empty slot, (molecules, slots).
            positions: in Å, (molecules, slots, 3).

        Raises:
            BundleError: the graph gives outputs of another shape.
            EngineError: the runtime failed.
        """
        arrays = self._session.run(self._heads, {"numbers": numbers, "positions": positions})
        if any(array.shape != numbers.shape for array in arrays):
            raise BundleError(f"{MOLECULES}: outputs of heads must be (molecules, slots)")
        return dict(zip(self._heads, arrays, strict=True))


def _fed(
    numbers: Integers, positions: npt.NDArray[np.float32], table: NeighborTable
) -> dict[str, npt.NDArray[Any]]:
    return {
        "numbers": numbers,
        "positions": positions,
        "neighbors": table.neighbors,
        "shifts": table.shifts,
    }


def check_provider(provider: str) -> None:
    """Do nothing if the runtime has the provider.

    Raises:
        ProviderError: it has not.
    """
    if provider not in get_args(Provider):
        raise ProviderError(f"`provider` must be one of {', '.join(PROVIDERS)}, got {provider!r}")
    if PROVIDERS[provider] not in ort.get_available_providers():
        raise ProviderError(
            f"`provider` {provider} is not in this build of ONNX Runtime, which has "
            f"{', '.join(ort.get_available_providers())}; for CUDA install atomlens[gpu] in place of [server]"
        )


def _open(file: str, graph: bytes, provider: str, threads: int) -> ort.InferenceSession:
    check_provider(provider)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, and told by who met them
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", NOWHERE)
    options.add_session_config_entry("session.load_model_format", "ONNX")  # which is what was checked
    name = PROVIDERS[provider]
    on_gpu = name == PROVIDERS["cuda"]
    if on_gpu:
        ort.preload_dlls()
    tf32 = "1" if provider == "cuda-tf32" else "0"
    chosen = (name, CUDA | ARENA.cuda | {"use_tf32": tf32}) if on_gpu else name
    if not on_gpu:
        ARENA.share(options)
    try:
        session = ort.InferenceSession(graph, options, providers=[chosen])
    except Exception as error:  # the runtime's own errors share no base class
        raise BundleError(f"{file}: no graph the runtime can load: {str(error).splitlines()[0]}") from error
    if name not in session.get_providers():
        raise ProviderError(f"`provider` {provider} was asked for and the runtime did not grant it")
    session.disable_fallback()  # to the CPU, when a run fails
    return session
