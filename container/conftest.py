"""The engine, and the images that it builds once."""

from __future__ import annotations

import os

import pytest

from .engine import Engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """An engine that answers."""
    found = Engine.find()
    if found is None:
        pytest.fail("neither podman nor docker answers: ENGINE names another program")
    return found


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """The image for CPUs: of the variable IMAGE, else built."""
    return os.environ.get("IMAGE") or engine.build("cpu")


@pytest.fixture(scope="session")
def gpu_image(engine: Engine) -> str:
    """The image with CUDA, where GPU is set: of the variable GPU_IMAGE, else built."""
    if not os.environ.get("GPU"):
        pytest.skip("GPU is not set: the image with CUDA has gigabytes")
    return os.environ.get("GPU_IMAGE") or engine.build("gpu")
