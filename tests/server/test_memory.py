"""`atomlens.server.memory`: which errors say that memory did not suffice."""

from __future__ import annotations

import pytest

from atomlens.server.errors import EngineError
from atomlens.server.memory import is_out_of_memory


@pytest.mark.parametrize(
    "message",
    [
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned for a MatMul node. "
        "Failed to allocate memory for requested buffer of size 6400000000",
        "Available memory of 1048576 is smaller than requested bytes of 6400000000",
        "std::bad_alloc",
        "bad allocation",
        "CUDA failure 2: out of memory ; GPU=0 ; hostname=gpu-1",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
    ],
)
def test_what_runtimes_say(message: str) -> None:
    """Of the runtime, its language and its libraries; also where our own error was raised from it."""
    assert is_out_of_memory(RuntimeError(message))
    outer = EngineError("the runtime failed")
    outer.__cause__ = RuntimeError(message)
    assert is_out_of_memory(outer)


def test_what_python_says() -> None:
    """NumPy raises a MemoryError where an array does not fit."""
    assert is_out_of_memory(MemoryError())


@pytest.mark.parametrize("message", ["", "index out of bounds", "invalid argument", "the memory of a GPU"])
def test_other_errors(message: str) -> None:
    """Are told apart."""
    assert not is_out_of_memory(RuntimeError(message))
