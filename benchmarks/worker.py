"""Worker: the process that a contender runs in, which does what it is told line by line.

Nothing but the standard library is imported: peers run in environments without AtomLens.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

LONGEST = 500  # characters of an error


def work(module: str) -> int:
    """Make the contender of a module and answer questions until there are no more.

    The first line on standard input holds the arguments of the module's ``make``; each other one
    ``{"do": METHOD, ...}``. Each is answered by one line, ``{"value": ...}`` or ``{"error": ...}``.
    """
    answers = _own_output()
    contender: Any = None

    def answer(question: dict[str, Any]) -> Any:
        nonlocal contender
        if contender is None:
            contender = importlib.import_module(module).make(**question)
            return None
        return getattr(contender, question.pop("do"))(**question)

    for line in sys.stdin:
        try:
            told = {"value": answer(json.loads(line))}
        except Exception as error:  # told to whoever asked
            told = {"error": f"{type(error).__name__}: {error}"[:LONGEST]}
        print(json.dumps(told), file=answers, flush=True)
    if hasattr(contender, "close"):
        contender.close()
    return 0


def repeat(step: Callable[[], int], seconds: float) -> Mapping[str, float]:
    """Call a function until some time has passed; return how many structures it did and how long it took."""
    done, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds:
        done += step()
    return {"structures": done, "seconds": passed}


def _own_output() -> TextIO:
    """Return standard output; whatever libraries print goes to standard error instead."""
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return own


if __name__ == "__main__":
    sys.exit(work(sys.argv[1]))
