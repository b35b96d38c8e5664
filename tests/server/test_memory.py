"""`atomlens.server.memory`: which errors say that memory did not suffice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


STARVED = """
import resource, sys
from pathlib import Path
import numpy as np
from atomlens.server.engine import NO_MEMORY, compute
from atomlens.server.model import Model
from atomlens.server.structures import Structures

model = Model.load(Path(sys.argv[1]), "cpu")
grid = 1.3 * np.stack(np.meshgrid(*[np.arange(7.0)] * 3), -1).reshape(-1, 3)
many = Structures.molecules([343] * 40, [6] * 343 * 40, np.tile(grid, (40, 1)))
work = model.prepare(many)
expected = compute(model, work.take(np.array([0])))["energy"]
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 128 * 2**20,) * 2)
starved = []
outputs = compute(model, work, lambda part: starved.append(len(part.counts)))
assert NO_MEMORY not in outputs
assert np.abs(outputs["energy"].reshape(40, -1) - expected).max() < 1e-4
print(*starved)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_a_batch_that_the_real_runtime_has_no_memory_for_is_computed_in_parts(toy_repository: Path) -> None:
    """In a process that may not have more: every structure is answered, with the numbers it has alone."""
    directory = toy_repository / "toy-schnet-energy" / "1"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", STARVED, directory],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "40"
