"""Fuzzing of whatever reads bytes from the other side: python -m tests.fuzz [--seconds N] [TARGET ...].

Each target runs in a process of its own, guided by coverage where `atheris` is installed, else by chance.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

MODELS = ("schnet-qm9-energy", "schnet-qm9-dipole")  # of the bundled ones
FAILED = Path("runs") / "fuzz"  # where inputs are left on which a target failed


def main() -> int:
    """Run all targets, or those named, one after another; return how many failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="time for each target")
    parser.add_argument("--alone", action="store_true", help="run one target in this process")
    given = parser.parse_args()
    warnings.simplefilter(
        "error", RuntimeWarning
    )  # numbers that overflow are numbers that were not looked at
    if given.alone:
        return run(given.targets[0], given.seconds)
    return sum(failed(name, given.seconds) for name in given.targets or names())


def names() -> list[str]:
    """Return the names of all targets."""
    from tests.fuzz.targets import targets

    return list(targets(None, *MODELS))


def failed(name: str, seconds: int) -> bool:
    """Run a target in a process of its own; tell and return whether it failed."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "tests.fuzz", "--alone", "--seconds", str(seconds), name]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    told = next((line for line in ran.stderr.splitlines()[::-1] if "runs in" in line), "")
    print(
        f"{name}: {'failed' if ran.returncode else 'ok'}, {time.monotonic() - begun:.0f} s {told}",
        flush=True,
    )
    if ran.returncode:
        print(ran.stdout[-4000:], ran.stderr[-8000:])
    return ran.returncode != 0


def run(name: str, seconds: int) -> int:
    """Run a target in this process."""
    atheris = guide()
    with atheris.instrument_imports(include=["atomlens"]) if atheris else nullcontext():
        from tests.fuzz.targets import targets
    target = targets(None, *MODELS)[name]
    if atheris is None:
        return by_chance(target, seconds)
    with tempfile.TemporaryDirectory() as corpus:
        FAILED.mkdir(parents=True, exist_ok=True)
        for place, seed in enumerate(target.seeds):
            (Path(corpus) / str(place)).write_bytes(seed)
        limits = (f"-max_total_time={seconds}", "-rss_limit_mb=4096", "-timeout=60", "-print_final_stats=0")
        atheris.Setup([name, corpus, *limits, f"-artifact_prefix={FAILED}/{name}-"], target.read)
        atheris.Fuzz()  # ends the process
    return 0


def by_chance(target: Any, seconds: int) -> int:
    """Read mutated seeds for a time; an error shows the input."""
    from tests.fuzz.mutations import mutated

    source, end, rounds = random.Random(), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data, rounds = mutated(target.seeds, source), rounds + 1
        try:
            target.read(data)
        except BaseException:
            print(f"read {data.hex()}")
            raise
    print(f"Done {rounds} runs in {seconds} second(s)", file=sys.stderr)
    return 0


def guide() -> ModuleType | None:
    """Return `atheris`, None where it is not installed."""
    try:
        import atheris
    except ImportError:
        return None
    module: ModuleType = atheris
    return module


if __name__ == "__main__":
    sys.exit(main())
