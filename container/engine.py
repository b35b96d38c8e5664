"""Engine: podman or docker, whichever answers, and the containers it runs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROGRAMS = ("podman", "docker")
PORT = "50551"
READY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that builds images and runs them; flags are its own, of variables of the environment."""

    program: str
    build_flags: tuple[str, ...]
    run_flags: tuple[str, ...]

    @classmethod
    def find(cls) -> Engine | None:
        """Return the one that ENGINE names, else the first that answers; None where none does."""
        named = os.environ.get("ENGINE")
        for program in (named,) if named else PROGRAMS:
            if shutil.which(program) and _output([program, "info"]).returncode == 0:
                return cls(program, _flags("BUILD_FLAGS"), _flags("RUN_FLAGS"))
        return None

    def build(self, target: str) -> str:
        """Build a target of the Dockerfile and return the image's name."""
        image = f"localhost/atomlens:{target}"
        # Of the two formats that podman knows, one alone has health checks.
        form = ["--format", "docker"] if self.program == "podman" else []
        self.do("build", *form, *self.build_flags, "--target", target, "--tag", image, str(ROOT))
        return image

    def do(self, *words: str) -> str:
        """Run a command of the engine and return what it prints.

        Raises:
            RuntimeError: it failed; the message has its last lines.
        """
        done = _output([self.program, *words])
        if done.returncode:
            raise RuntimeError(f"{self.program} {words[0]}: {done.stderr[-4000:]}")
        return done.stdout

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what the engine knows of an image or a container."""
        (found,) = json.loads(self.do("inspect", name))
        assert isinstance(found, dict)
        return found

    def say(self, image: str, *command: str) -> str:
        """Return what a command prints in a fresh container of an image, in place of its entry point."""
        first, *rest = command
        return self.do("run", "--rm", *self.run_flags, "--entrypoint", first, image, *rest)

    @contextmanager
    def started(self, image: str, flags: Sequence[str] = ()) -> Iterator[Container]:
        """Run an image in the background while the block lasts, its port for calls on the loopback."""
        name = f"atomlens-test-{uuid.uuid4().hex[:8]}"
        publish = ("--publish", f"127.0.0.1::{PORT}", "--no-healthcheck")
        try:
            self.do("run", "--detach", "--name", name, *publish, *self.run_flags, *flags, image)
            yield Container(self, name)
        finally:
            _output([self.program, "rm", "--force", name])


@dataclass(frozen=True, slots=True)
class Container:
    """A container that was started."""

    engine: Engine
    name: str

    @property
    def address(self) -> str:
        """HOST:PORT where its calls are answered."""
        return self.engine.do("port", self.name, PORT).split()[0]

    @property
    def state(self) -> dict[str, Any]:
        """What the engine knows of its state."""
        state: dict[str, Any] = self.engine.inspect(self.name)["State"]
        return state

    @property
    def log(self) -> str:
        """Everything that it has said."""
        said = _output([self.engine.program, "logs", self.name])
        return said.stdout + said.stderr

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return _output([self.engine.program, "exec", self.name, *command])

    def wait_until_healthy(self, command: Sequence[str] = ("atomlens", "health")) -> None:
        """Ask for its health until it serves.

        Raises:
            RuntimeError: it ended, or took two minutes.
        """
        end = time.monotonic() + READY_SECONDS
        while self.exec(*command).returncode:
            if not self.state["Running"] or time.monotonic() > end:
                raise RuntimeError(f"the container is not healthy: {self.log[-4000:]}")

    def wait(self) -> int:
        """Return the exit code, once there is one."""
        return int(self.engine.do("wait", self.name))

    def stop(self, patience_seconds: int) -> int:
        """Send SIGTERM, and SIGKILL to what is still there then; return the exit code."""
        self.engine.do("stop", "--time", str(patience_seconds), self.name)
        return int(self.state["ExitCode"])


def _flags(variable: str) -> tuple[str, ...]:
    return tuple(shlex.split(os.environ.get(variable, "")))


def _output(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
