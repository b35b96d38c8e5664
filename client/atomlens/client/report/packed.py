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
    content = base64.b64decode(packed["bytes"], validate=True)
    values = np.frombuffer(content, np.dtype(packed["dtype"]).newbyteorder("<"))
    return values.reshape(packed["shape"]).astype(packed["dtype"])


def pack_indices(indices: npt.NDArray[Any], below: int) -> dict[str, Any]:
    """Return indices smaller than ``below`` in as few bytes as they fit into."""
    return pack(indices, "u2" if below <= 2**16 else "i4")


def pack_flags(flags: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Return rows of flags, eight in a byte; each row begins with a new one: (rows, flags)."""
    return pack(np.packbits(flags, axis=1), "u1")


def unpack_flags(packed: dict[str, Any], count: int) -> npt.NDArray[np.bool_]:
    """Return the rows of ``count`` flags that `pack_flags` was given; raises `ValueError` for others."""
    flags = np.unpackbits(unpack(packed), axis=1)
    if not count <= flags.shape[1] < count + 8:
        raise ValueError(f"there are {flags.shape[1]} bits for {count} flags")
    return flags[:, :count].astype(np.bool_)
