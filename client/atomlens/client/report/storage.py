"""Storage: a report as JSON, and back from the page that holds it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from atomlens.client.convert import plain
from atomlens.client.errors import UnreadableFileError
from atomlens.client.explanation import Explanation, ModelReference
from atomlens.client.head import Head
from atomlens.client.probe import Grid, ProbeField, ProbeMap
from atomlens.client.report.contents import Report
from atomlens.client.report.element_means import ElementMean
from atomlens.client.report.packed import pack, pack_flags, pack_indices, unpack, unpack_flags
from atomlens.client.report.surface import Surface
from atomlens.client.report.surface_map import SurfaceMap
from atomlens.client.report.thinning import thinned
from atomlens.client.report.triangulation import Mesh
from atomlens.client.structure import Floats, Structure

FORMAT = 1
OPENING, CLOSING = '<script type="application/json" id="data">', "</script>"
STRUCTURE, HEAD = ([one.name for one in fields(kind)] for kind in (Structure, Head))


def load_report(path: Path | str) -> Report:
    """Return the report that a page was made of; raises `UnreadableFileError` for another file.

    It has what the page has: positions on surfaces to about 10⁻⁶ Å, and of a large map some of the points.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise _unreadable(path, "cannot be read: there is no such file", "NO_SUCH_FILE") from error
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from error
    _, _, rest = text.partition(OPENING)
    data, _, _ = rest.partition(CLOSING)
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise ValueError(f"its data have the format {document['format']}, not {FORMAT}")
        return decode(document)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _unreadable(path, f"is no report of AtomLens: {error}") from error


def encode(report: Report) -> dict[str, Any]:
    """Return everything that a report holds, as JSON has it."""
    places = {id(one.mesh): place for place, one in enumerate(report.meshes)}
    explanation = report.explanation
    return {
        "format": FORMAT,
        "version": report.version,
        "date": report.date,
        "structure": {name: _packed(getattr(report.structure, name)) for name in STRUCTURE},
        "explanation": None if explanation is None else _explanation(explanation),
        "means": [asdict(one) for one in report.means],
        "notes": list(report.notes),
        "meshes": [{"surface": asdict(one.surface), **_mesh(one.mesh)} for one in report.meshes],
        "surfaces": [{"mesh": places[id(one.mesh)], **_map(one.map)} for one in report.surfaces],
        "maps": [{**_map(one), **_where(one.where)} for one, _, _ in map(thinned, report.maps)],
    }


def decode(document: dict[str, Any]) -> Report:
    """Return the report that `encode` was given."""
    structure = Structure(**{name: _plain(value) for name, value in document["structure"].items()})
    meshes = [(Surface(**one["surface"]), _read_mesh(one)) for one in document["meshes"]]
    surfaces = []
    for one in document["surfaces"]:
        surface, mesh = meshes[one["mesh"]]
        surfaces.append(SurfaceMap(surface, mesh, _read_map(one, structure, mesh.vertices)))
    return Report(
        structure,
        None if document["explanation"] is None else _read_explanation(document["explanation"], structure),
        tuple(surfaces),
        tuple(_read_map(one, structure, _read_where(one)) for one in document["maps"]),
        tuple(ElementMean(**one) for one in document["means"]),
        tuple(document["notes"]),
        document["date"],
        document["version"],
    )


def _unreadable(path: Path | str, words: str, reason: str = "UNREADABLE") -> UnreadableFileError:
    return UnreadableFileError(f"{path} {words}", reason=reason, field=str(path))


def _explanation(explanation: Explanation) -> dict[str, Any]:
    heads = [{name: _packed(getattr(head, name)) for name in HEAD} for head in explanation.heads.values()]
    models = [asdict(model) for model in explanation.models]
    return {"heads": heads, "models": models, "warnings": list(explanation.warnings)}


def _read_explanation(document: dict[str, Any], structure: Structure) -> Explanation:
    heads = [Head(**{name: _plain(value) for name, value in one.items()}) for one in document["heads"]]
    models = tuple(ModelReference(**model) for model in document["models"])
    return Explanation(structure, {head.name: head for head in heads}, models, tuple(document["warnings"]))


def _packed(value: Any) -> Any:
    """Return an array packed, anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    return pack(value, "f8" if value.dtype.kind == "f" else "u1")


def _plain(value: Any) -> Any:
    return unpack(value) if isinstance(value, dict) else value


def _mesh(mesh: Mesh) -> dict[str, Any]:
    """Return a mesh whose vertices are narrowed to float32 around their middle."""
    origin = mesh.vertices.mean(axis=0)
    vertices = pack(mesh.vertices - origin, "f4")
    return {"origin": origin.tolist(), "vertices": vertices, "faces": pack_indices(mesh.faces, len(mesh))}


def _read_mesh(document: dict[str, Any]) -> Mesh:
    vertices = unpack(document["vertices"]).astype(np.float64) + document["origin"]
    return Mesh(vertices, unpack(document["faces"]).astype(np.int32))


def _map(found: ProbeMap) -> dict[str, Any]:
    """Return a probe map without its points, with which of them extrapolate."""
    flags = found.extrapolating.reshape(len(found.fields), -1)
    return {
        "model": asdict(found.model),
        "fields": [asdict(field) for field in found.fields],
        "values": pack(found.values, "f4"),
        "extrapolating": pack_flags(flags),
        "flagged": list(found.flagged),
        "closest": {probe: dict(distances) for probe, distances in found.closest.items()},
        "left_out": list(found.left_out),
    }


def _read_map(document: dict[str, Any], structure: Structure, where: Grid | Floats) -> ProbeMap:
    found = ProbeMap(
        structure,
        ModelReference(**document["model"]),
        tuple(ProbeField(**field) for field in document["fields"]),
        unpack(document["values"]),
        where,
        document["closest"],
        tuple(document["left_out"]),
    )
    flags = unpack_flags(document["extrapolating"], len(where)).reshape(found.values.shape)
    return found.with_extrapolating(flags)


def _where(where: Grid | Floats) -> dict[str, Any]:
    if isinstance(where, Grid):
        grid = {name: plain(getattr(where, name)) for name in ("origin", "axes", "counts")}
        return {"grid": grid, "points": None}
    return {"grid": None, "points": pack(where, "f8")}


def _read_where(document: dict[str, Any]) -> Grid | Floats:
    return unpack(document["points"]) if document["grid"] is None else Grid(**document["grid"])
