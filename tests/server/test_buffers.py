"""`atomlens.server.buffers`."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.server.buffers import decode, encode
from atomlens.server.errors import InputError


@pytest.mark.parametrize("dtype", ["<f8", "<f4", "<i4", "<u8", "u1"])
def test_arrays_come_back_as_they_were(dtype: str) -> None:
    """Of either byte order and any memory layout."""
    array = np.arange(12).reshape(3, 4)
    for other in (array, array[:, ::-1], np.asfortranarray(array), array.astype(">i8")):
        buffer = encode(other, dtype)
        assert len(buffer) == 12 * np.dtype(dtype).itemsize
        assert np.array_equal(decode(buffer, dtype, (3, 4), "x"), other)
        assert np.array_equal(decode(buffer, dtype, (-1, 4), "x"), other)


@pytest.mark.parametrize(("size", "shape"), [(23, (3,)), (25, (3,)), (25, (-1,)), (1, (0,)), (8, (-1, 3))])
def test_a_buffer_must_fill_its_shape(size: int, shape: tuple[int, ...]) -> None:
    """The error names the field, the shape and how much came."""
    with pytest.raises(InputError, match=f"`x.y` must be float64 .* got {size} bytes") as caught:
        decode(bytes(size), "<f8", shape, "x.y")
    assert (caught.value.reason, caught.value.field) == ("WRONG_SHAPE", "x.y")


def test_nothing_is_an_array_of_no_rows() -> None:
    """Whatever the other dimensions are."""
    assert decode(b"", "<f8", (0, 3), "x").shape == (0, 3)
    assert decode(b"", "<i4", (-1,), "x").shape == (0,)
