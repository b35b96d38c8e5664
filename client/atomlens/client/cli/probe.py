"""`atomlens probe`: what a model says of a probe atom everywhere around a structure."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atomlens.client.cli import asking, places
from atomlens.client.cli.hint import hinting
from atomlens.client.cli.output import check_output
from atomlens.client.client import Client
from atomlens.client.probe import ProbeMap
from atomlens.client.probe.map_files import FORMATS
from atomlens.client.probe.request import DEFAULT_PROBE_MODEL, numbers_of
from atomlens.client.probe.stream import ProbeStream
from atomlens.client.structure import Structure

if TYPE_CHECKING:
    from atomlens.client.report import Surface, SurfaceMap

DESCRIPTION = """Carry a probe atom through the space around a structure: what would the model say of an atom
of this element here? The probe feels the atoms and changes nothing.

FILE is any file that ASE reads, or a part of one (`md.xyz@-1`), with exactly one structure, or `-` for
standard input."""
EPILOG = """Probes sit on a grid around the atoms (of a crystal, on one that takes its cell), on a surface, or
on the points of a file: .txt, .dat, .csv, .tsv or .npy with three columns in Å, or a structure file, of which
they are the atoms. Points nearer to a nucleus than that pair of elements came in training are counted and
flagged, and left out of ranges and minima.

examples:
  atomlens probe benzene.xyz -A H,C -o benzene.cube
  atomlens probe benzene.xyz -A H --surface distance:2.0 -o benzene.html
  atomlens probe NaCl.cif -A O -m schnet-mp-formation --spacing 0.3 -o NaCl.npz
  atomlens probe water.xyz -A O --points where.txt"""
PAGE = ".html"
# What each kind of place can be written as.
SUFFIXES = {
    places.GRID: (*FORMATS, PAGE),
    places.SURFACE: (".npz", PAGE),
    places.POINTS: (*(suffix for suffix, format in FORMATS.items() if format.takes_points), PAGE),
}
ANYWHERE = [[0.0, 0.0, 0.0]]  # Å


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "probe",
        help="show what a model says of a probe atom around a structure",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the structure to probe")
    parser.add_argument(
        "-A",
        "--elements",
        required=True,
        type=lambda text: [word.strip() for word in text.split(",")],
        metavar="ELEMENTS",
        help="elements of the probes, such as H or H,C",
    )
    parser.add_argument(
        "-m",
        "--model",
        default=DEFAULT_PROBE_MODEL,
        metavar="MODEL",
        help=f"MODEL or MODEL@VERSION (default {DEFAULT_PROBE_MODEL})",
    )
    parser.add_argument(
        "--head", action="append", metavar="HEAD", help="head wanted, as often as needed (default all)"
    )
    places.add_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="write a file: .cube (Gaussian) or .dx (OpenDX), of several fields one each as in OUT.H.cube; "
        ".vti (VTK), .npz (NumPy) or .html (a page to look at); the last two alone for surfaces and points",
    )
    parser.add_argument("--format-in", metavar="FORMAT", help="ASE's name of the format of FILE")
    asking.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Probe one structure, write what came of it and say the most important in words."""
    surface = _check(args)
    structure = asking.read_one_of(args.file, args.format_in)
    where = {} if surface else places.points_or_grid(args)
    with asking.make_client(args) as client, hinting(client, [args.model], structure, args.elements):
        heads = tuple(args.head or ())
        probe = partial(client.probe, structure, args.elements, args.model, heads=heads)
        if surface:
            mapped = _on_surface(probe, structure, surface, args.spacing)
            found, written = mapped.map, _write_surface(mapped, args.output)
        else:
            found = probe(**where).collect()
            written = _write(found, args.output, client)
    print(found)
    for path in written:
        print(f"wrote {path}")
    return 0


def _check(args: argparse.Namespace) -> Surface | None:
    """Return the surface to probe on, if any; raises what would only fail after the work is done."""
    numbers_of(args.elements)
    kind = places.kind_of(args)
    if args.output is not None:
        check_output(args.output, SUFFIXES[kind], kind)
    if kind != places.SURFACE:
        return None
    from atomlens.client.report import Surface

    return Surface.parse(args.surface)


def _on_surface(
    probe: Callable[..., ProbeStream], structure: Structure, surface: Surface, spacing: float | None
) -> SurfaceMap:
    """Return what the model says on a surface, which takes long to make of many atoms."""
    from atomlens.client.report import SurfaceMap

    probe(points=ANYWHERE).close()  # what the model refuses, it refuses before
    mesh = places.surface_mesh(structure, surface, spacing)
    return SurfaceMap(surface, mesh, probe(points=mesh.vertices).collect())


def _write(found: ProbeMap, path: Path | None, client: Client) -> tuple[Path, ...]:
    """Write a map and return the files that this made; a page has surfaces, which the client asks about."""
    if path is None:
        return ()
    if path.suffix.lower() != PAGE:
        return found.write(path)
    from atomlens.client.report import map_report

    map_report(found, client=client).write(path)
    return (path,)


def _write_surface(mapped: SurfaceMap, path: Path | None) -> tuple[Path, ...]:
    """Write a map of a surface and return the file that this made."""
    if path is None:
        return ()
    if path.suffix.lower() != PAGE:
        mapped.write(path)
        return (path,)
    from atomlens.client.report import surface_report

    surface_report(mapped).write(path)
    return (path,)
