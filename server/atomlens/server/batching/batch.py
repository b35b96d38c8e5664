"""Batch: pieces of work for one graph of one model, computed together and taken apart again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atomlens.server.model import Outputs
from atomlens.server.work import Work


def joined(works: Sequence[Work]) -> Work:
    """Return work of one class as one piece."""
    whole: Work = type(works[0]).join(works)
    return whole


def split(outputs: Outputs, works: Sequence[Work]) -> list[Outputs]:
    """Return the outputs of each piece of work, of those of all together."""
    if len(works) == 1:
        return [outputs]
    ends = np.cumsum([work.counts.sum() for work in works])[:-1]
    parts = {name: np.split(values, ends) for name, values in outputs.items()}
    return [{name: values[index] for name, values in parts.items()} for index in range(len(works))]
