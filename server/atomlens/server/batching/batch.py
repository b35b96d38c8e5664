"""Batch: pieces of work for one graph of one model, computed together and taken apart again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from atomlens.server.engine import compute
from atomlens.server.model import Model, Outputs
from atomlens.server.work import Work


def run(model: Model, works: Sequence[Work], starved: Callable[[Work], None]) -> list[Outputs]:
    """Return the outputs of each piece of work; ``starved`` is called as `compute` says."""
    joined = compute(model, type(works[0]).join(works), starved)
    if len(works) == 1:
        return [joined]
    ends = np.cumsum([work.counts.sum() for work in works])[:-1]
    parts = {name: np.split(values, ends) for name, values in joined.items()}
    return [{name: split[index] for name, split in parts.items()} for index in range(len(works))]
