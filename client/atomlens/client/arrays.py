"""Arrays: what callers give as numbers, as arrays that cannot be written to, or an error that names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.client.errors import InputError

MOST = 2**31 - 1  # of whole numbers on the wire


def floats(name: str, value: Any) -> npt.NDArray[np.float64]:
    """Return a copy in float64; raises `InputError` for what are no numbers, or rows of several lengths."""
    given = array(name, value)
    if given.dtype.kind not in "iuf" and given.size:
        raise InputError(f"`{name}` must be numbers, got {given.dtype}", reason="WRONG_TYPE", field=name)
    copy = given.astype(np.float64)
    copy.setflags(write=False)
    return copy


def whole_numbers(name: str, rule: str, value: Any) -> npt.NDArray[np.int64]:
    """Return a copy of a list of numbers from 0 to 2³¹ - 1; ``rule`` is its shape in words."""
    given = array(name, value)
    if given.ndim != 1:
        raise wrong_shape(name, rule, given.shape)
    if given.dtype.kind not in "iu" and given.size:
        raise InputError(f"`{name}` must be integers, got {given.dtype}", reason="WRONG_TYPE", field=name)
    outside = given[(given < 0) | (given > MOST)]
    if outside.size:
        message = f"`{name}` must be whole numbers from 0 to {MOST}, got {outside[0]}"
        raise InputError(message, reason="WRONG_TYPE", field=name)
    return given.astype(np.int64)


def shaped(name: str, rule: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return an array that has a shape; ``rule`` is the shape in words."""
    if values.shape != shape:
        raise wrong_shape(name, f"{rule}, {shape}", values.shape)
    return values


def finite(name: str, value: Any, rule: str, shape: tuple[int | None, ...]) -> npt.NDArray[np.float64]:
    """Return a copy of finite numbers in a shape, None for any length; ``rule`` is that shape in words."""
    copy = floats(name, value)
    if len(shape) != copy.ndim or any(
        length not in (None, found) for length, found in zip(shape, copy.shape, strict=True)
    ):
        raise wrong_shape(name, rule, copy.shape)
    if not np.isfinite(copy).all():
        first = copy[~np.isfinite(copy)][0]
        raise InputError(f"`{name}` must be finite, got {first:g}", reason="NOT_FINITE", field=name)
    return copy


def array(name: str, value: Any) -> npt.NDArray[Any]:
    """Return a value as an array of whatever it holds; raises `InputError` for rows of several lengths."""
    try:
        return np.asarray(value)
    except ValueError as error:
        message = f"`{name}` must be rows of one length"
        raise InputError(message, reason="WRONG_SHAPE", field=name) from error


def wrong_shape(name: str, rule: str, shape: tuple[int, ...]) -> InputError:
    """Return the error of an array whose shape breaks a rule."""
    return InputError(f"`{name}` must be {rule}, got {shape}", reason="WRONG_SHAPE", field=name)
