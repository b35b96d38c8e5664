"""Packed: arrays as JSON has them, little-endian bytes in base64 with dtype and shape."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

DTYPES = ("u1", "u2", "i4", "f4", "f8")


def pack(array: npt.NDArray[Any], dtype: str) -> dict[str, Any]:
    """Return an array of numbers in one of `DTYPES`."""
    values = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
    return {
        "dtype": dtype,
        "shape": list(array.shape),
        "bytes": base64.b64encode(values.tobytes()).decode("ascii"),
    }


def unpack(packed: dict[str, Any]) -> npt.NDArray[Any]:
    """Return the array that `pack` was given; raises `ValueError` for what is none."""
    if packed["dtype"] not in DTYPES:
        raise ValueError(f"an array has one of the types {', '.join(DTYPES)}, not {packed['dtype']!r}")
    values = np.frombuffer(base64.b64decode(packed["bytes"]), np.dtype(packed["dtype"]).newbyteorder("<"))
    return values.reshape(packed["shape"]).astype(packed["dtype"])


def pack_indices(indices: npt.NDArray[Any], below: int) -> dict[str, Any]:
    """Return indices smaller than ``below`` in as few bytes as they fit into."""
    return pack(indices, "u2" if below <= 2**16 else "i4")
