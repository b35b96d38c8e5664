"""Floor: what the machine can do at best, which no graph can be faster than."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from benchmarks.contenders.sessions import open_session

EDGE = 768  # of the square matrices: 2.4 MB each, as large as what graphs multiply
COPIED_BYTES = 2**28
REPEATS = 8


def floor(provider: str) -> dict[str, float]:
    """Return GFLOP/s of matrix products of one thread in ONNX Runtime, and GB/s of a large copy."""
    session = open_session(_product(), provider)
    rng = np.random.default_rng(0)
    factors: dict[str, Any] = {name: rng.normal(size=(EDGE, EDGE)).astype(np.float32) for name in ("a", "b")}
    gemm = _best(lambda: session.run(None, factors))
    source = np.ones(COPIED_BYTES // 8)
    target = np.zeros_like(source)
    copy = _best(lambda: np.copyto(target, source))
    return {"gemm_gflops": 2e-9 * EDGE**3 / gemm, "copy_gb_per_second": 2e-9 * source.nbytes / copy}


def _best(step: Callable[[], object]) -> float:
    """Return the shortest of some times in seconds."""
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        step()
        times.append(time.perf_counter() - begun)
    return min(times)


def _product() -> bytes:
    """Return a graph that multiplies two matrices."""
    shape = ["n", "n"]
    ends = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("a", "b", "c")}
    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    graph = helper.make_graph([node], "product", [ends["a"], ends["b"]], [ends["c"]])
    opsets = [helper.make_opsetid("", 18)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return bytes(model.SerializeToString())
