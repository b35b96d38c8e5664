"""Session: a graph in ONNX Runtime, on the provider that was asked for and no other."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from atomlens.server.card import Card
from atomlens.server.errors import BundleError, EngineError
from atomlens.server.neighbors import NeighborTable
from atomlens.server.structures import Floats, Integers

Provider = Literal["cpu", "cuda"]
PROVIDERS: dict[str, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
INPUTS = frozenset({"numbers", "positions", "neighbors", "shifts"})
FLOATS = "tensor(float)"
NOWHERE = "/nonexistent"  # where weights outside the file are looked for: they are refused


class ProviderError(Exception):
    """The provider that was asked for is not to be had here."""


class AtomsSession:
    """The atoms graph of one model. Any number of threads may run it at once."""

    def __init__(self, graph: bytes, card: Card, provider: str, threads: int = 1) -> None:
        self._session = _open(graph, provider, threads)
        self._heads = [head.name for head in card.heads]
        self._check_contract()

    def run(
        self, numbers: Integers, positions: npt.NDArray[np.float32], table: NeighborTable
    ) -> dict[str, Floats]:
        """Return the contributions (atoms,) of every head, in float64.

        Args:
            numbers: atomic numbers, (atoms,).
            positions: in Å, (atoms, 3).
            table: the neighbors of the same atoms.

        Raises:
            EngineError: the runtime failed, or gave a number that is not finite.
        """
        fed = {
            "numbers": numbers,
            "positions": positions,
            "neighbors": table.neighbors,
            "shifts": table.shifts,
        }
        inputs = {node.name: fed[node.name] for node in self._session.get_inputs()}
        try:
            outputs = self._session.run(self._heads, inputs)
        except Exception as error:  # the runtime's own errors share no base class
            raise EngineError(f"the runtime failed: {str(error).splitlines()[0]}") from error
        return {name: array.astype(np.float64) for name, array in zip(self._heads, outputs, strict=True)}

    def _check_contract(self) -> None:
        inputs = {node.name for node in self._session.get_inputs()}
        if not inputs <= INPUTS:
            raise BundleError(f"atoms.onnx: asks for unknown inputs {sorted(inputs - INPUTS)}")
        kinds = {node.name: node.type for node in self._session.get_outputs()}
        missing = set(self._heads) - set(kinds)
        if missing:
            raise BundleError(f"atoms.onnx: lacks the outputs {sorted(missing)} of the card's heads")
        for head in self._heads:
            if kinds[head] != FLOATS:
                raise BundleError(f"atoms.onnx: output {head!r} must be {FLOATS}, got {kinds[head]}")


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


def _open(graph: bytes, provider: str, threads: int) -> ort.InferenceSession:
    check_provider(provider)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", NOWHERE)
    name = PROVIDERS[provider]
    if provider == "cuda":
        ort.preload_dlls()
    chosen = (name, {"use_tf32": "0"}) if provider == "cuda" else name
    try:
        session = ort.InferenceSession(graph, options, providers=[chosen])
    except Exception as error:  # the runtime's own errors share no base class
        raise BundleError(
            f"atoms.onnx: no graph the runtime can load: {str(error).splitlines()[0]}"
        ) from error
    if name not in session.get_providers():
        raise ProviderError(f"`provider` {provider} was asked for and the runtime did not grant it")
    session.disable_fallback()  # to the CPU, when a run fails
    return session
