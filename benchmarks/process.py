"""Process: a contender as the harness sees it, started, asked, and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 20.0  # that a contender has to leave
LAST = 600  # characters of what a process said before it died


class ContenderError(Exception):
    """A contender cannot be had or failed; the message says why."""


class Process:
    """A worker with one contender in it; use it as a context."""

    def __init__(self, module: str, arguments: Mapping[str, Any], python: Path | None = None) -> None:
        interpreter = str(python or sys.executable)
        if python is not None and not python.exists():
            raise ContenderError(f"{python.parent.parent.name} is not there: `make bench` installs it")
        self._said = TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [interpreter, "-W", "ignore", "-m", "benchmarks.worker", module],
            cwd=ROOT,
            env={**os.environ, "PATH": _path(interpreter)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        try:
            self._exchange(arguments)
        except ContenderError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def ask(self, do: str, **arguments: Any) -> Any:
        """Call a method of the contender and return its answer.

        Raises:
            ContenderError: the contender failed or died.
        """
        return self._exchange({"do": do, **arguments})

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it is gone already
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._said.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _exchange(self, question: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._said.seek(0)
            raise ContenderError(f"the process died: {' '.join(self._said.read()[-LAST:].split())}")
        answer = json.loads(line)
        if "error" in answer:
            raise ContenderError(answer["error"])
        return answer["value"]


def _path(interpreter: str) -> str:
    """Return where commands are looked for, those of the interpreter's environment first: Triton needs it."""
    return f"{Path(interpreter).parent}{os.pathsep}{os.environ.get('PATH', '')}"
