"""Memory: whether it did not suffice, told from what went wrong."""

from __future__ import annotations

# As ONNX Runtime, the C++ library, CUDA, cuBLAS and cuDNN say it; the runtime raises one error for all.
SIGNS = (
    "failed to allocate memory",
    "is smaller than requested bytes",
    "bad_alloc",
    "bad allocation",
    "out of memory",
    "status_alloc_failed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or what it was raised from, says that there was not enough memory."""
    cause: BaseException | None = error
    while cause is not None:
        told = str(cause).lower()
        if isinstance(cause, MemoryError) or any(sign in told for sign in SIGNS):
            return True
        cause = cause.__cause__
    return False
