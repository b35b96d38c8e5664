"""Places: where the probes of a command sit, on a grid, on a surface or on points of a file."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from atomlens.client.errors import InputError
from atomlens.client.probe.point_files import read_points
from atomlens.client.probe.request import MARGIN_ANGSTROM, SPACING_ANGSTROM, checked_points, place
from atomlens.client.structure import Structure

if TYPE_CHECKING:
    from atomlens.client.report import Mesh, Surface

GRID, SURFACE, POINTS = "a grid", "a surface", "a list of points"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where probes sit."""
    where = parser.add_argument_group("where probes sit")
    where.add_argument(
        "--spacing",
        type=float,
        metavar="Å",
        help=f"distance between points of the grid ({SPACING_ANGSTROM:g}) or of the surface",
    )
    where.add_argument(
        "--margin",
        type=float,
        metavar="Å",
        help=f"how far the grid reaches beyond the atoms ({MARGIN_ANGSTROM:g})",
    )
    where.add_argument(
        "--surface",
        metavar="SURFACE",
        help="on a surface instead: distance:D, about D Å from the nearest atom, or inverse-power:P:C, where "
        "the distances from all atoms, each to the power of -P, sum to C",
    )
    where.add_argument("--points", metavar="POINTS", help="on the points of this file instead")


def kind_of(args: argparse.Namespace) -> str:
    """Return what probes sit on; raises `InputError` for arguments that do not belong together."""
    if args.surface and args.points:
        raise InputError("`--surface` and `--points` must not be given together")
    kind = SURFACE if args.surface else POINTS if args.points else GRID
    if args.margin is not None and kind != GRID:
        raise InputError(f"`--margin` is for grids, leave it out for {kind}")
    if args.spacing is not None and kind == POINTS:
        raise InputError("`--spacing` is for grids and surfaces, leave it out for a list of points")
    return kind


def points_or_grid(args: argparse.Namespace) -> dict[str, Any]:
    """Return where probes sit as arguments of `Client.probe`."""
    if args.points:
        return {"points": checked_points(read_points(args.points))}
    spacing = SPACING_ANGSTROM if args.spacing is None else args.spacing
    margin = MARGIN_ANGSTROM if args.margin is None else args.margin
    place(spacing, margin, None, None)
    return {"spacing": spacing, "margin": margin}


def surface_mesh(structure: Structure, surface: Surface, spacing: float | None) -> Mesh:
    """Return a surface as a mesh that fits into a request."""
    from atomlens.client.report import mesh

    found = mesh(structure, surface, spacing)
    checked_points(found.vertices)
    return found
