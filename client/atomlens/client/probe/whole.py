"""Whole: numbers that count or choose, or an error that names them."""

from __future__ import annotations

import numpy as np

from atomlens.client.errors import InputError

MOST = 2**31 - 1  # what the contract has room for


def whole(name: str, value: int, most: int = MOST, rule: str = "whole") -> int:
    """Return a whole number from 0 to ``most``; raises `InputError` for others, and for truth values.

    Args:
        name: of the argument.
        value: what came.
        most: the largest that is taken.
        rule: what it must be, in words.
    """
    is_number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (is_number and 0 <= value <= most):
        raise InputError(f"`{name}` must be {rule}, from 0 to {most}, got {value!r}", field=name)
    return int(value)
