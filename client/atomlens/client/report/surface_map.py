"""Surface map: what a model says of probes on a surface."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy.typing as npt

from atomlens.client.arrays import wrong_shape
from atomlens.client.atomic_file import whole_file
from atomlens.client.errors import InputError
from atomlens.client.inputs import read_one
from atomlens.client.probe import ProbeMap
from atomlens.client.probe.npz_file import arrays, write_arrays
from atomlens.client.probe.summary import title
from atomlens.client.report.surface import Surface, SurfaceLike
from atomlens.client.report.triangulation import Mesh, mesh
from atomlens.client.selection import DEFAULT_MODELS
from atomlens.client.structure import Structure, StructureLike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atomlens.client.client import Client


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceMap:
    """A surface as triangles, and Ω at their corners."""

    surface: Surface
    mesh: Mesh
    map: ProbeMap  # whose points are the vertices, in their order

    def __post_init__(self) -> None:
        shape = (len(self.map.fields), len(self.mesh))
        if self.map.values.shape != shape:
            raise wrong_shape("map", f"of values {shape}", self.map.values.shape)

    @property
    def structure(self) -> Structure:
        """What the surface surrounds."""
        return self.map.structure

    def write(self, path: Path | str) -> None:
        """Write ``.npz``: the map as `ProbeMap.load` reads it, and vertices in Å, faces and surface."""
        path = Path(path)
        if path.suffix.lower() != ".npz":
            raise InputError(f"`path` must end in .npz, got {path.name!r}", field="path")
        with whole_file(path, "wb") as file:
            write_arrays(self._arrays(), file)

    def __repr__(self) -> str:
        return f"<SurfaceMap {title(self.map)} on {self.surface} by {self.map.model}>"

    def _repr_html_(self) -> str:
        from atomlens.client.report.map_report import surface_page
        from atomlens.client.report.page import framed

        return framed(surface_page(self))

    def _arrays(self) -> dict[str, npt.ArrayLike]:
        found = arrays(self.map)
        found |= {"vertices": self.mesh.vertices, "faces": self.mesh.faces, "surface": str(self.surface)}
        return found


def probe_surface(
    client: Client,
    structure: StructureLike | str | Path,
    elements: str | Sequence[str],
    surface: SurfaceLike = "distance:2.0",
    model: str = DEFAULT_MODELS[0],
    *,
    spacing: float | None = None,
) -> SurfaceMap:
    """Return what a model says of probes of some elements on a surface around a structure.

    Args:
        client: who asks.
        structure: one molecule or crystal.
        elements: symbols of the probes, such as ``"H"`` or ``["H", "C"]``.
        surface: ``distance:D`` in Å, ``inverse-power:P:C`` or a `Surface`.
        model: the model to ask.
        spacing: distance in Å between points that the surface is sampled at; None for as fine as it needs.
    """
    one, chosen = read_one(structure), Surface.of(surface)
    return probe_mesh(client, one, elements, chosen, mesh(one, chosen, spacing), model)


def probe_mesh(
    client: Client,
    structure: Structure,
    elements: str | Sequence[str],
    surface: Surface,
    found: Mesh,
    model: str,
    heads: Sequence[str] = (),
    left_out: Sequence[int] = (),
) -> SurfaceMap:
    """Return what a model says of probes at the vertices of a mesh."""
    stream = client.probe(structure, elements, model, heads=heads, points=found.vertices, left_out=left_out)
    return SurfaceMap(surface, found, stream.collect(progress=False))
