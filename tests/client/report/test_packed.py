"""Arrays in JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from atomlens.client.report.packed import DTYPES, pack, pack_indices, unpack


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0, 3), (5,), (2, 3)])
def test_there_and_back(dtype: str, shape: tuple[int, ...]) -> None:
    """What is packed comes back with its type and shape, and can be written to."""
    array = (np.random.default_rng(0).random(shape) * 100).astype(dtype)
    back = unpack(json.loads(json.dumps(pack(array, dtype))))
    np.testing.assert_array_equal(back, array)
    assert (back.dtype, back.shape, back.flags.writeable) == (array.dtype, array.shape, True)


def test_bytes_are_little_endian() -> None:
    """Whatever the machine and the layout in memory."""
    array = np.array([[1, 2], [3, 4]], ">i4", order="F")
    assert pack(array, "i4") == pack(np.array([[1, 2], [3, 4]], "<i4"), "i4")


def test_indices_are_small() -> None:
    """They take two bytes as long as they fit."""
    assert pack_indices(np.array([65535]), 65536)["dtype"] == "u2"
    assert pack_indices(np.array([65536]), 65537)["dtype"] == "i4"


def test_another_type() -> None:
    """A type that pages do not know is refused."""
    with pytest.raises(ValueError, match="not 'O'"):
        unpack({"dtype": "O", "shape": [0], "bytes": ""})
