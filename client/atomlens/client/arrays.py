"""Arrays: what callers give as numbers, as arrays that cannot be written to, or an error that names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.client.errors import InputError


def floats(name: str, value: Any) -> npt.NDArray[np.float64]:
    """Return a copy in float64; raises `InputError` for what are no numbers, or rows of several lengths."""
    given = array(name, value)
    if given.dtype.kind not in "iuf" and given.size:
        raise InputError(f"`{name}` must be numbers, got {given.dtype}", reason="WRONG_TYPE", field=name)
    copy = given.astype(np.float64)
    copy.setflags(write=False)
    return copy


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
