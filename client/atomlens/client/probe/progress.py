"""Progress: a bar over points, where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from atomlens.client.errors import MissingExtraError

Progress: TypeAlias = "bool | None"  # None: where standard error is a terminal, or in a notebook


@contextmanager
def progress_bar(points: int, progress: Progress) -> Iterator[Callable[[int], object]]:
    """Show a bar while the block lasts, and yield what takes the number of points that were added.

    Without being told to, nothing is shown where nobody looks or `tqdm` is not installed.
    """
    if progress is False or (progress is None and not _is_watched()):
        yield lambda _: None
        return
    try:
        from tqdm import tqdm
    except ImportError as error:
        if progress:
            raise MissingExtraError("report", "a progress bar") from error
        yield lambda _: None
        return
    with tqdm(total=points, unit="point", unit_scale=True, leave=False) as bar:
        yield bar.update


def _is_watched() -> bool:
    """Return whether standard error is a terminal, or the output of a notebook's cell."""
    stream = sys.stderr
    return bool(stream is not None and (stream.isatty() or type(stream).__module__.startswith("ipykernel")))
