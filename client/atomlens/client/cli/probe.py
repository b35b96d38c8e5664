"""`atomlens probe`: what a model says of a probe atom everywhere around a structure."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from atomlens.client.cli.asking import add_arguments, make_client, read_one_of
from atomlens.client.cli.hint import Hint
from atomlens.client.client import Client
from atomlens.client.elements import NUMBERS
from atomlens.client.errors import InputError
from atomlens.client.failure import Failure
from atomlens.client.probe import ProbeMap
from atomlens.client.probe.map_files import FORMATS
from atomlens.client.probe.point_files import read_points
from atomlens.client.probe.request import (
    DEFAULT_PROBE_MODEL,
    MARGIN_ANGSTROM,
    SPACING_ANGSTROM,
    checked_points,
    numbers_of,
    place,
)
from atomlens.client.structure import Structure

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
  atomlens probe NaCl.cif -A Na -m schnet-mp-formation --spacing 0.3 -o NaCl.npz
  atomlens probe water.xyz -A O --points where.txt"""
PAGE = ".html"
# What each kind of place can be written as.
SUFFIXES = {
    "a grid": (*FORMATS, PAGE),
    "a surface": (".npz", PAGE),
    "a list of points": tuple(suffix for suffix, format in FORMATS.items() if format.takes_points),
}


class Places(NamedTuple):
    """Where probes sit: arguments of `Client.probe`, and the mesh whose corners they are on a surface."""

    arguments: dict[str, Any]
    surface: Any = None
    mesh: Any = None


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
    _add_places(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="write a file: .cube (Gaussian) or .dx (OpenDX), of several fields one each as in OUT.H.cube; "
        ".vti (VTK), .npz (NumPy, the only one for lists of points) or .html (a page to look at)",
    )
    parser.add_argument("--format-in", metavar="FORMAT", help="ASE's name of the format of FILE")
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Probe one structure, write what came of it and say the most important in words."""
    _check(args)
    structure = read_one_of(args.file, args.format_in)
    places = _places(args, structure)
    with make_client(args) as client, _hinting(client, args, structure):
        heads = tuple(args.head or ())
        with client.probe(structure, args.elements, args.model, heads=heads, **places.arguments) as stream:
            found = stream.collect()
    written = [] if args.output is None else _write(found, places, args.output)
    print(found)
    for path in written:
        print(f"wrote {path}")
    return 0


def _add_places(parser: argparse.ArgumentParser) -> None:
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


def _check(args: argparse.Namespace) -> None:
    """Refuse what would only fail after the work is done."""
    numbers_of(args.elements)
    if args.surface and args.points:
        raise InputError("`--surface` and `--points` must not be given together")
    kind = "a surface" if args.surface else "a list of points" if args.points else "a grid"
    if args.margin is not None and kind != "a grid":
        raise InputError(f"`--margin` is for grids, leave it out for {kind}")
    if args.spacing is not None and args.points:
        raise InputError("`--spacing` is for grids and surfaces, leave it out for a list of points")
    if args.output is None:
        return
    if args.output.suffix.lower() not in SUFFIXES[kind]:
        raise InputError(
            f"`output` of {kind} must end in {', '.join(SUFFIXES[kind])}, got {args.output.name!r}",
            field="output",
        )
    if not args.output.resolve().parent.is_dir():
        raise InputError(
            f"there is no directory {args.output.resolve().parent} to write {args.output.name} to",
            field="output",
        )


def _places(args: argparse.Namespace, structure: Structure) -> Places:
    if args.points:
        return Places({"points": checked_points(read_points(args.points))})
    if args.surface:
        return _surface(args, structure)
    spacing = SPACING_ANGSTROM if args.spacing is None else args.spacing
    margin = MARGIN_ANGSTROM if args.margin is None else args.margin
    place(spacing, margin, None, None)
    return Places({"spacing": spacing, "margin": margin})


def _surface(args: argparse.Namespace, structure: Structure) -> Places:
    from atomlens.client.report import Surface, mesh
    from atomlens.client.report.triangulation import SPACING_ANGSTROM as FINE

    surface = Surface.parse(args.surface)
    found = mesh(structure, surface, FINE if args.spacing is None else args.spacing)
    return Places({"points": checked_points(found.vertices)}, surface, found)


@contextmanager
def _hinting(client: Client, args: argparse.Namespace, structure: Structure) -> Iterator[None]:
    """Say which other models know the elements, those of the probes too, when the asked one does not."""
    try:
        yield
    except InputError as error:
        probes = [NUMBERS[symbol] for symbol in args.elements]
        both = Structure(
            [*structure.numbers.tolist(), *probes],
            [*structure.positions.tolist(), *[[0.0] * 3] * len(probes)],
            structure.cell,
            structure.pbc,
            structure.charge,
            structure.spin,
        )
        Hint(client, [args.model]).consider([Failure(structure.id, error, args.model, both)])
        raise


def _write(found: ProbeMap, places: Places, path: Path) -> tuple[Path, ...]:
    """Write the map and return the files that this made."""
    if places.surface is None and path.suffix.lower() != PAGE:
        return found.write(path)
    from atomlens.client.report import SurfaceMap, map_report, surface_report

    if places.surface is None:
        map_report(found).write(path)
        return (path,)
    mapped = SurfaceMap(places.surface, places.mesh, found)
    if path.suffix.lower() == PAGE:
        surface_report(mapped).write(path)
    else:
        mapped.write(path)
    return (path,)
