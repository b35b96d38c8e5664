"""`atomlens verify`: checks a bundle against its digests, its contract and its stored cases."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atomlens.server.verification import Row


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "verify", help="check a bundle (needs the extra `server`)", description=__doc__
    )
    parser.add_argument("bundle", type=Path, help="REPOSITORY/MODEL/VERSION")
    parser.add_argument(
        "--provider", choices=("cpu", "cuda", "cuda-tf32"), default="cpu", help="what runs the graph"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table of errors; return 0 when all are within the tolerance, else 2."""
    from atomlens.server.errors import BundleError, ServerError
    from atomlens.server.session import ProviderError
    from atomlens.server.verification import TOLERANCE, verify_bundle

    try:
        rows = verify_bundle(args.bundle, args.provider)
    except (BundleError, ServerError, ProviderError) as error:
        raise ValueError(f"{args.bundle}: {error}") from error
    print(format_rows(rows, TOLERANCE))
    failed = sum(not row.within(TOLERANCE) for row in rows)
    if failed:
        print(
            f"atomlens: {args.bundle}: {failed} of {len(rows)} errors exceed {TOLERANCE:g}", file=sys.stderr
        )
        return 2
    print(f"{args.bundle} is what its card says")
    return 0


def format_rows(rows: Sequence[Row], tolerance: float) -> str:
    """Return a table of the largest errors, one line per case and output."""
    width = max(len(row.case) for row in rows)
    lines = [f"{'case':{width}}  output   structures  largest error"]
    for row in rows:
        verdict = "" if row.within(tolerance) else f"  above {tolerance:g}"
        lines.append(
            f"{row.case:{width}}  {row.output:7}  {row.structures:10}  {row.largest_error:13.1e}{verdict}"
        )
    return "\n".join(lines)
