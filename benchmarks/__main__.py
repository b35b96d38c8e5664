"""`python -m benchmarks`: measure everything and write BENCHMARKS.md and benchmarks.json."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.document import document
from benchmarks.harness import run
from benchmarks.process import ROOT
from benchmarks.settings import Settings


def main() -> int:
    """Run all benchmarks."""
    usual = Settings()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--data", type=Path, help="qm9.npz; molecules are made up where it is not")
    parser.add_argument("--provider", choices=("cpu", "cuda"), default=usual.provider)
    parser.add_argument(
        "--cores", type=int, default=usual.cores, help="cores that everything is pinned to (2)"
    )
    parser.add_argument("--seconds", type=float, help=f"of each measurement ({usual.seconds})")
    parser.add_argument("--repeats", type=int, help=f"rounds ({usual.repeats})")
    parser.add_argument(
        "--small", action="store_true", help="seconds in all, which shows that everything works"
    )
    parser.add_argument("--output", type=Path, default=ROOT, help="directory of the two files")
    args = parser.parse_args()
    settings = Settings.small() if args.small else usual
    given = {name: getattr(args, name) for name in ("data", "provider", "cores", "seconds", "repeats")}
    results = run(replace(settings, **{name: value for name, value in given.items() if value is not None}))
    (args.output / "benchmarks.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (args.output / "BENCHMARKS.md").write_text(document(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
