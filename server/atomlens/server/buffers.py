"""Buffers: flat little-endian bytes on the wire, arrays inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.server.errors import InputError

Array = npt.NDArray[Any]


def decode(buffer: bytes, dtype: str, shape: tuple[int, ...], field: str) -> Array:
    """Return the buffer as a read-only array.

    Args:
        buffer: the bytes as received.
        dtype: a little-endian dtype such as ``<f8``.
        shape: the shape the buffer must have; one dimension may be -1.
        field: the field's name, for the error.

    Raises:
        InputError: the number of bytes does not fit the shape.
    """
    try:
        return np.frombuffer(buffer, dtype).reshape(shape)
    except ValueError:  # parts of an item are left over, or of a row
        raise InputError(
            f"`{field}` must be {np.dtype(dtype).name} {shape}, got {len(buffer)} bytes", "WRONG_SHAPE", field
        ) from None


def encode(array: Array, dtype: str) -> bytes:
    """Return the array's bytes, little-endian and in C order."""
    return np.ascontiguousarray(array, dtype).tobytes()
