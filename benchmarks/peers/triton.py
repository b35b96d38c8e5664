"""Triton: a Triton Inference Server whose Python backend calls ONNX Runtime, one model for each core."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

NAME = "graph"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
DTYPES = {"tensor(int64)": np.int64, "tensor(float)": np.float32}
Arrays = Mapping[str, npt.NDArray[Any]]


class TritonServer:
    """The server with models of one graph, which take batches as the graph does."""

    def __init__(self, graph: str, head: str, provider: str, instances: int) -> None:
        content = Path(graph).read_bytes()
        http, self._port, metrics = _free_ports(3)
        config = TritonConfig(http_port=http, grpc_port=self._port, metrics_port=metrics, log_verbose=0)
        self._triton = Triton(config=config, workspace=Path(tempfile.mkdtemp(prefix="triton-")) / "workspace")
        try:
            # Instances of one model wait a second for the first of them, which a busy machine may not manage.
            for instance in range(instances):
                self._bind(f"{NAME}{instance}", _open(content, provider), head)
            self._triton.run()
        except BaseException:
            self._triton.stop()
            raise

    def _bind(self, name: str, session: ort.InferenceSession, head: str) -> None:
        self._triton.bind(
            model_name=name,
            infer_func=_inference(session, head),
            inputs=[_tensor(one) for one in session.get_inputs()],
            outputs=[_tensor(one) for one in session.get_outputs() if one.name == head],
            config=ModelConfig(batching=False),
        )

    def address(self) -> str:
        """Return where it listens for gRPC."""
        return f"127.0.0.1:{self._port}"

    def versions(self) -> dict[str, str]:
        """Return what is installed."""
        from importlib.metadata import version

        return {"nvidia-pytriton": version("nvidia-pytriton"), "ONNX Runtime in Triton": ort.__version__}

    def close(self) -> None:
        """Stop the server."""
        self._triton.stop()


make = TritonServer


def _inference(session: ort.InferenceSession, head: str) -> Callable[..., list[dict[str, Any]]]:
    def infer(requests: list[Any]) -> list[dict[str, Any]]:
        return [{head: session.run([head], dict(request.items()))[0]} for request in requests]

    return infer


def _open(content: bytes, provider: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(content, options, providers=[PROVIDERS[provider]])


def _tensor(node: Any) -> Tensor:
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return Tensor(name=node.name, dtype=DTYPES[node.type], shape=shape)


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
