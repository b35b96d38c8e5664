"""NPZ file: a probe map whole, as arrays that NumPy loads without pickles."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from atomlens.client.errors import InputError, UnreadableFileError
from atomlens.client.explanation import ModelReference
from atomlens.client.probe.grid import Grid
from atomlens.client.probe.probe_field import ProbeField
from atomlens.client.structure import Structure

if TYPE_CHECKING:
    from atomlens.client.probe.probe_map import ProbeMap

Arrays = Mapping[str, npt.NDArray[Any]]


def write_npz(found: ProbeMap, stream: IO[bytes]) -> None:
    """Write everything that the map is made of, and which points extrapolate."""
    write_arrays(arrays(found), stream)


def write_arrays(named: Mapping[str, npt.ArrayLike], stream: IO[bytes]) -> None:
    """Write arrays by name, none of which may be objects."""
    np.savez_compressed(stream, allow_pickle=False, **named)


def arrays(found: ProbeMap) -> dict[str, npt.ArrayLike]:
    """Return every array of a map by the name that it has in a file; `load` reads them and skips others."""
    return dict(_arrays(found))


def load(path: Path) -> ProbeMap:
    """Return the map in a file; raises `UnreadableFileError`."""
    from atomlens.client.probe.probe_map import ProbeMap

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            named = {name: file[name] for name in file if name != "extrapolating"}
        fields = map(ProbeField, *(named[name].tolist() for name in ("heads", "elements", "units")))
        left_out = tuple(named["left_out"].tolist())
        where, closest = _where(named), dict(_closest(named))
        model, structure = _model(named), _structure(named)
        return ProbeMap(structure, model, tuple(fields), named["values"], where, closest, left_out)
    except FileNotFoundError as error:
        raise _unreadable(path, "there is no such file", "NO_SUCH_FILE") from error
    except KeyError as error:
        raise _unreadable(path, f"it holds no probe map: {error.args[0]}") from error
    except InputError as error:
        raise _unreadable(path, f"it holds no sound probe map: {error}") from error
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(path, f"it holds no probe map: {error}") from error


def _arrays(found: ProbeMap) -> Iterator[tuple[str, npt.ArrayLike]]:
    """Yield every array by name."""
    structure, model = found.structure, found.model
    yield "values", found.values  # (fields, *counts) or (fields, points)
    yield "extrapolating", found.extrapolating  # of the same shape
    if isinstance(found.where, Grid):
        yield from (("origin", found.where.origin), ("axes", found.where.axes))
    else:
        yield "points", found.where
    yield "names", np.array(found.labels)  # (fields,)
    for name in ("head", "element", "unit"):
        yield f"{name}s", np.array([getattr(field, name) for field in found.fields])  # (fields,)
    yield from (("numbers", structure.numbers), ("positions", structure.positions))
    yield "cell", np.full((3, 3), np.nan) if structure.cell is None else structure.cell
    yield from (("pbc", structure.pbc), ("charge", structure.charge), ("spin", structure.spin))
    yield from (("id", structure.id), ("model", model.name), ("version", model.version))
    yield from (("digest", model.digest), ("provider", model.provider))
    probes = list(found.closest)
    kinds = list(dict.fromkeys(kind for distances in found.closest.values() for kind in distances))
    distances = [[found.closest[probe].get(kind, np.nan) for kind in kinds] for probe in probes]
    yield "closest", np.array(distances).reshape(len(probes), len(kinds))  # Å, NaN where none is known
    yield from (("closest_probes", np.array(probes, "U")), ("closest_elements", np.array(kinds, "U")))
    yield "left_out", np.array(found.left_out, np.int64)


def _where(named: Arrays) -> Grid | npt.NDArray[np.float64]:
    if "points" in named:
        return named["points"]
    return Grid(named["origin"], named["axes"], named["values"].shape[1:])


def _closest(named: Arrays) -> Iterator[tuple[str, dict[str, float]]]:
    kinds = named["closest_elements"].tolist()
    for probe, row in zip(named["closest_probes"].tolist(), named["closest"].tolist(), strict=True):
        yield (
            probe,
            {kind: distance for kind, distance in zip(kinds, row, strict=True) if distance == distance},
        )


def _structure(named: Arrays) -> Structure:
    cell = None if np.isnan(named["cell"]).any() else named["cell"]
    rest = {name: named[name].item() for name in ("charge", "spin", "id")}
    return Structure(named["numbers"], named["positions"], cell, named["pbc"], **rest)


def _model(named: Arrays) -> ModelReference:
    return ModelReference(*(named[name].item() for name in ("model", "version", "digest", "provider")))


def _unreadable(path: Path, words: str, reason: str = "UNREADABLE") -> UnreadableFileError:
    return UnreadableFileError(f"{path} cannot be read: {words}", reason=reason, field=str(path))
