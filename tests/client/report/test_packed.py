"""Arrays in JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from atomlens.client.report.packed import DTYPES, pack, pack_flags, pack_indices, unpack, unpack_flags


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


def test_letters_that_base64_has_not() -> None:
    """They are refused, not left out."""
    packed = pack(np.arange(3), "u1")
    with pytest.raises(ValueError, match="base64"):
        unpack({**packed, "bytes": f"*{packed['bytes']}"})


@pytest.mark.parametrize("count", [1, 8, 13])
def test_flags(count: int) -> None:
    """Eight are in a byte; of each row as many come back, and of no other number."""
    flags = np.random.default_rng(0).random((2, count)) < 0.5
    packed = json.loads(json.dumps(pack_flags(flags)))
    np.testing.assert_array_equal(unpack_flags(packed, count), flags)
    assert packed["shape"] == [2, -(-count // 8)]
    for wrong in (count + 8, count - 8):
        with pytest.raises(ValueError, match="flags"):
            unpack_flags(packed, wrong)
