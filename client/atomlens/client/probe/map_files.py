"""Map files: a probe map in the format that a suffix names, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from atomlens.client.atomic_file import whole_file
from atomlens.client.errors import InputError
from atomlens.client.probe.cube_file import write_cube
from atomlens.client.probe.dx_file import write_dx
from atomlens.client.probe.grid import Grid
from atomlens.client.probe.npz_file import write_npz
from atomlens.client.probe.vti_file import write_vti

if TYPE_CHECKING:
    from atomlens.client.probe.probe_map import ProbeMap


class Format(NamedTuple):
    """How a map is written."""

    write: Callable[[ProbeMap, IO[Any]], None]
    mode: str
    takes_points: bool  # whether points may be a list
    takes_fields: bool  # whether a file may hold several


FORMATS = {
    ".cube": Format(write_cube, "w", takes_points=False, takes_fields=False),
    ".dx": Format(write_dx, "w", takes_points=False, takes_fields=False),
    ".vti": Format(write_vti, "w", takes_points=False, takes_fields=True),
    ".npz": Format(write_npz, "wb", takes_points=True, takes_fields=True),
}


def write(found: ProbeMap, path: Path) -> tuple[Path, ...]:
    """Write a map and return the files that this made: all of them, or none and an error."""
    format = format_of(path, isinstance(found.where, Grid))
    _check_finite(found)
    paths = paths_of(path, found.labels)
    _check_places(paths)
    _ = found.extrapolating  # of all fields at once, before each has to know
    maps = [found] if format.takes_fields else [found.select(one.element, one.head) for one in found.fields]
    with ExitStack() as opened:
        for one, name in zip(maps, paths, strict=True):
            stream = opened.enter_context(whole_file(name, format.mode))
            format.write(one, stream)
            stream.flush()  # so that a full disk is met before any file takes its place
    return paths


def format_of(path: Path, is_grid: bool) -> Format:
    """Return the format that a file's suffix names; raises `InputError` for none that holds such points."""
    known = {suffix: format for suffix, format in FORMATS.items() if is_grid or format.takes_points}
    format = known.get(path.suffix.lower())
    if format is None:
        points = "on a grid" if is_grid else "of a list of points"
        raise InputError(
            f"`path` of a map {points} must end in {', '.join(known)}, got {path.name!r}",
            reason="UNKNOWN_FORMAT",
            field="path",
        )
    return format


def paths_of(path: Path, labels: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the files for fields with these labels: one, or one each where a file holds a single field."""
    if len(labels) == 1 or FORMATS[path.suffix.lower()].takes_fields:
        return (path,)
    return tuple(path.with_name(f"{path.stem}.{label}{path.suffix}") for label in labels)


def _check_places(paths: tuple[Path, ...]) -> None:
    """Refuse a directory in the place of a file, which would be found out after others have appeared."""
    for path in paths:
        if path.is_dir():
            raise InputError(f"`path` must be a file, got the directory {path}", field="path")


def _check_finite(found: ProbeMap) -> None:
    broken = int(np.count_nonzero(~np.isfinite(found.values)))
    if broken:
        raise InputError(
            f"`values` must be finite to be written, got {broken:,} that are not",
            reason="NOT_FINITE",
            field="values",
        )
