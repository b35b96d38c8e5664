"""Number lines: many float32 values as text, fast and without loss."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

NUMBER = "%16.8E"  # nine significant digits tell every float32 from its neighbours


def number_lines(values: npt.NDArray[np.float32], width: int) -> str:
    """Return values in lines of ``width``, of which the last may be shorter: (values,)."""
    return _template(len(values), width) % tuple(values.tolist())


@cache
def _template(count: int, width: int) -> str:
    whole, rest = divmod(count, width)
    return (NUMBER * width + "\n") * whole + (NUMBER * rest + "\n" if rest else "")
