"""The images: small, hardened, serving."""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from atomlens.client import Client, Structure, UnavailableError

from .engine import ROOT, Container, Engine

pytestmark = pytest.mark.timeout(3600)

MOST_BYTES = 450e6
BUNDLED = ROOT / "server" / "atomlens" / "server" / "models"
WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]])
MODEL = "schnet-qm9-energy"
CALLERS, WARM = 8, 20  # callers at once, and calls of each before the server is told to leave
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/atomlens/bin"
TOOLS = ("gcc", "cc", "g++", "make", "ld", "pip", "pip3", "git", "curl", "wget")
MODULES = ("torch", "onnx", "pip", "ase", "pytest", "hatchling")
LIMITS = ("--memory", "1g", "--pids-limit", "256")
LOOK = f"""
import importlib.util, json, shutil
print(json.dumps([
    [name for name in {TOOLS} if shutil.which(name, path={PATH!r})],
    [name for name in {MODULES} if importlib.util.find_spec(name)]]))
"""
ASK = f"""
from atomlens.client import Client, Structure
water = Structure({WATER.numbers.tolist()}, {WATER.positions.tolist()})
print(Client("127.0.0.1:50551").explain(water, {MODEL!r}).energy)
"""


def energies_of(client: Client) -> list[float]:
    """Return the energies of water's atoms in eV."""
    energies = client.explain(WATER, MODEL).energies
    assert energies is not None
    return [float(energy) for energy in energies]


def hardened(engine: Engine, user: int) -> list[str]:
    """Return flags that take from a container what it can do without: there is nowhere to write at all."""
    flags = ["--user", f"{user}:{user}", "--read-only", "--cap-drop", "ALL", *LIMITS]
    flags += ["--security-opt", "no-new-privileges"]
    # podman would mount a directory for temporary files beside the read-only root
    return [*flags, "--read-only-tmpfs=false"] if engine.program == "podman" else flags


@pytest.fixture(scope="module", params=["10001", "another"])
def served(request: pytest.FixtureRequest, engine: Engine, image: str) -> Iterator[Container]:
    """The image as hardened as it goes, of its own user and of one that nobody has heard of.

    The last test that asks for it ends it.
    """
    user = 10001 if request.param == "10001" else random.randrange(20_000, 60_000)
    with engine.started(image, hardened(engine, user)) as container:
        container.wait_until_healthy()
        yield container


@pytest.fixture(scope="module")
def energies() -> list[float]:
    """The energies of water's atoms by the engine in this process, in eV."""
    return energies_of(Client.local())


def test_size(engine: Engine, image: str) -> None:
    """The image for CPUs has less than 450 MB."""
    size = engine.inspect(image)["Size"]
    print(f"\n{image}: {size / 1e6:.0f} MB")
    assert size < MOST_BYTES


def test_description(engine: Engine, image: str) -> None:
    """The image says what it is, runs as nobody in particular, and knows how its health is asked for."""
    found = engine.inspect(image)
    config = found["Config"]
    assert config["Labels"]["org.opencontainers.image.title"] == "AtomLens"
    assert int(config["User"].split(":")[0]) > 0
    health = config.get("Healthcheck") or found["Healthcheck"]  # docker's place, and podman's
    assert health["Test"] == ["CMD", "atomlens", "health"]
    assert {"50551/tcp"} == set(config["ExposedPorts"])


def test_nothing_to_build_with(engine: Engine, image: str) -> None:
    """There is no compiler, no installer and no torch in it."""
    tools, modules = json.loads(engine.say(image, "python", "-c", LOOK))
    assert tools == []
    assert modules == []


def test_answers(served: Container, energies: list[float]) -> None:
    """Any user serves what the engine computes, in a container that can write nowhere."""
    with Client(served.address) as client:
        assert {status.name for status in client.models()} == {path.name for path in BUNDLED.iterdir()}
        assert energies_of(client) == pytest.approx(energies, abs=1e-5)
    assert "Traceback" not in served.log
    assert "Failed" not in served.log


def test_hardened(served: Container) -> None:
    """The process has no capabilities and gets none, and its root is read-only."""
    lines = served.exec("cat", "/proc/1/status").stdout.splitlines()
    status = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert int(status["Uid"].split()[0]) > 0
    for directory in ("/", "/tmp", "/models", "/opt/atomlens"):
        assert served.exec("touch", f"{directory}/written").returncode != 0
    assert served.exec("sleep", "0").returncode == 0  # what preStop does in Kubernetes


def test_leaves_under_load(served: Container, energies: list[float]) -> None:
    """After SIGTERM it ends with 0 in ten seconds, and every call has its answer or an error that says so."""
    with Client(served.address, timeout_seconds=30.0) as client, ThreadPoolExecutor(CALLERS) as callers:
        busy = threading.Barrier(CALLERS + 1)
        calls = [callers.submit(answered_until_gone, client, energies, busy) for _ in range(CALLERS)]
        busy.wait(300)
        code = served.stop(10)
        answered = sum(call.result() for call in calls)
    print(f"\n{answered} calls answered, none wrong, none lost; exit code {code}")
    assert code == 0
    assert answered >= CALLERS * WARM


def answered_until_gone(client: Client, energies: list[float], busy: threading.Barrier) -> int:
    """Ask until nobody answers any more, and return how many answers came; all of them must be right."""
    answered = 0
    while True:
        try:
            answer = energies_of(client)
        except UnavailableError:
            return answered
        assert answer == pytest.approx(energies, abs=1e-5)
        answered += 1
        if answered == WARM:
            busy.wait(300)


def test_models_of_the_user(engine: Engine, image: str, tmp_path: Path) -> None:
    """A repository that is mounted at /models takes the place of the bundled one."""
    shutil.copytree(BUNDLED / "bpnn-qm9-energy", tmp_path / "models" / "bpnn-qm9-energy")
    mount = ("--volume", f"{tmp_path / 'models'}:/models:ro,Z")
    with engine.started(image, [*hardened(engine, 10001), *mount]) as container:
        container.wait_until_healthy()
        with Client(container.address) as client:
            assert [status.name for status in client.models()] == ["bpnn-qm9-energy"]
        assert container.stop(10) == 0


def test_no_models(engine: Engine, image: str, tmp_path: Path) -> None:
    """A mounted repository without models is an error that names it, never the bundled models in silence."""
    (tmp_path / "models").mkdir()
    mount = ("--volume", f"{tmp_path / 'models'}:/models:ro,Z")
    with engine.started(image, [*hardened(engine, 10001), *mount]) as container:
        assert container.wait() == 3
        assert "/models: there is no model that can be served" in container.log


def test_in_kubernetes(engine: Engine, image: str, tmp_path: Path) -> None:
    """The Deployment of the overlay `dev` runs: its security, limits, settings and volumes are real ones."""
    if engine.program != "podman":
        pytest.skip("only podman runs manifests without a cluster")
    manifest = tmp_path / "dev.yaml"
    manifest.write_text(runnable((ROOT / "k8s" / "rendered" / "dev.yaml").read_text(), image))
    try:
        engine.do("play", "kube", str(manifest))
        container = Container(engine, "atomlens-pod-0-server")
        container.wait_until_healthy()
        assert container.exec("atomlens", "health", "--service", "live").returncode == 0
        asked = container.exec("python", "-c", ASK)
        assert float(asked.stdout) == pytest.approx(Client.local().explain(WATER, MODEL).energy, abs=1e-5)
        assert container.exec("touch", "/written").returncode != 0
        assert container.exec("touch", "/tmp/written").returncode == 0
        assert container.stop(10) == 0
    finally:
        engine.do("play", "kube", "--down", str(manifest))


def runnable(text: str, image: str) -> str:
    """Return the objects of a manifest that need no cluster, with an image of this machine."""
    kinds = ("ConfigMap", "Deployment")
    objects = [one for one in yaml.safe_load_all(text) if one["kind"] in kinds]
    for one in objects:
        if one["kind"] == "Deployment":
            one["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return yaml.safe_dump_all(objects)


def test_cuda_is_there(engine: Engine, gpu_image: str) -> None:
    """The image for GPUs has the runtime with CUDA, its libraries, and not the runtime for CPUs beside it."""
    look = (
        "import json, importlib.metadata as m, onnxruntime as o; o.preload_dlls(); "
        "print(json.dumps([o.get_available_providers(), [d.name for d in m.distributions()]]))"
    )
    providers, distributions = json.loads(engine.say(gpu_image, "python", "-c", look))
    assert "CUDAExecutionProvider" in providers
    assert "onnxruntime-gpu" in distributions
    assert "onnxruntime" not in distributions
    tools, modules = json.loads(engine.say(gpu_image, "python", "-c", LOOK))
    assert (tools, modules) == ([], [])
    print(f"\n{gpu_image}: {engine.inspect(gpu_image)['Size'] / 1e6:.0f} MB")


def test_no_gpu(engine: Engine, gpu_image: str) -> None:
    """Where there is no GPU the server does not start: it never computes on the CPU in silence."""
    with engine.started(gpu_image, hardened(engine, 10001)) as container:
        assert container.wait() == 3
        assert "`provider` cuda was asked for and the runtime did not grant it" in container.log


def test_on_a_gpu(engine: Engine, gpu_image: str, energies: list[float]) -> None:
    """On a GPU, which GPU_FLAGS give to the container, answers are those of the CPU."""
    flags = shlex.split(os.environ.get("GPU_FLAGS", ""))
    if not flags:
        pytest.skip("GPU_FLAGS, as --gpus all, is not set")
    with engine.started(gpu_image, [*flags, "--cap-drop", "ALL"]) as container:
        container.wait_until_healthy()
        with Client(container.address) as client:
            assert energies_of(client) == pytest.approx(energies, abs=1e-4)
            assert {status.provider for status in client.models()} == {"cuda"}
        assert container.stop(10) == 0
