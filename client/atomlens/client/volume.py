"""Volume: whether three vectors span one."""

from __future__ import annotations

import numpy as np

from atomlens.client.structure import Floats

FLATTEST = 1e-6  # volume over the product of the lengths


def spans_volume(vectors: Floats) -> bool:
    """Return whether three vectors, as rows, span a volume, and one that is not too large for numbers."""
    with np.errstate(all="ignore"):
        volume, lengths = abs(np.linalg.det(vectors)), np.linalg.norm(vectors, axis=1)
        return bool(volume > FLATTEST * lengths.prod())
