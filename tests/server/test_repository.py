"""`atomlens.server.repository`."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from atomlens.server.bundle import ATOMS, CARD
from atomlens.server.errors import BundleError, UnknownModelError, UnusableModelError
from atomlens.server.repository import Repository
from atomlens.server.session import ProviderError
from atomlens.server.structures import Structures

NAME = "toy-bpnn-energy"
WATER = Structures.molecules([3], [8, 1, 1], [[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])


@pytest.fixture
def copy(toy_repository: Path, tmp_path: Path) -> Callable[..., Path]:
    """A version of a toy model in a repository of its own, its card and its graph changed."""

    def make(version: str = "1", graph: bytes | None = None, name: str = NAME, **changes: Any) -> Path:
        target = tmp_path / name / version
        shutil.copytree(toy_repository / NAME / "1", target)
        card = json.loads((target / CARD).read_text()) | changes
        if graph is not None:
            (target / ATOMS).write_bytes(graph)
            card["files"][ATOMS] = hashlib.sha256(graph).hexdigest()
        (target / CARD).write_text(json.dumps(card))
        return tmp_path

    return make


def test_the_highest_version_is_the_default(copy: Callable[..., Path]) -> None:
    """Ten is more than nine; MODEL@VERSION asks for another."""
    for version in ("9", "10", "2"):
        copy(version, description=f"version {version}")
    repository = Repository.open(copy("1"))
    assert [model.version for model in repository.models] == [1, 2, 9, 10]
    assert repository.find(NAME).version == 10
    assert repository.find(f"{NAME}@2").version == 2
    assert [repository.is_default(model) for model in repository.models] == [False, False, False, True]


def test_a_digest_must_be_that_of_the_version(copy: Callable[..., Path]) -> None:
    """So that a client never gets another model than it expects."""
    repository = Repository.open(copy())
    digest = repository.models[0].digest
    assert repository.find(NAME, digest) is repository.models[0]
    with pytest.raises(UnusableModelError, match=f"has digest {digest}, not 00ff") as caught:
        repository.find(NAME, "00ff")
    assert (caught.value.reason, caught.value.field) == ("DIGEST_MISMATCH", "model")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nope",
        "@1",
        f"{NAME}@",
        f"{NAME}@2",
        f"{NAME}@01",
        f"{NAME}@-1",
        f"{NAME}@1@1",
        f"{NAME}@{'9' * 5000}",
        "../" + NAME,
        f"{NAME}/1",
        NAME.upper(),
        "😀" * 5000,
    ],
)
def test_what_is_not_there_is_unknown(copy: Callable[..., Path], name: str) -> None:
    """The error says what there is; its status stays small."""
    with pytest.raises(UnknownModelError, match=r"`model` .* is unknown") as caught:
        Repository.open(copy()).find(name)
    assert caught.value.field == "model"
    assert len(caught.value.to_status().SerializeToString()) < 4096


def foreign() -> bytes:
    """Return a graph that has nothing to do with atoms."""
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n"])
    energy = helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph([helper.make_node("Relu", ["pixels"], ["energy"])], "g", [pixels], [energy])
    return bytes(_model(graph).SerializeToString())


def constant(value: Any, kind: int = TensorProto.FLOAT) -> bytes:
    """Return a graph that says the same of every batch, whatever it holds."""
    numbers = helper.make_tensor_value_info("numbers", TensorProto.INT64, ["atoms"])
    energy = helper.make_tensor_value_info("energy", kind, None)
    array = helper.make_tensor("value", kind, np.shape(value), np.ravel(value))
    graph = helper.make_graph(
        [helper.make_node("Constant", [], ["energy"], value=array)], "g", [numbers], [energy]
    )
    return bytes(_model(graph).SerializeToString())


def external() -> bytes:
    """Return a graph whose weights lie in a file outside the bundle."""
    numbers = helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["atoms"])
    energy = helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["atoms"])
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value="../../../../etc/hostname")
    graph = helper.make_graph(
        [helper.make_node("Mul", ["numbers", "w"], ["energy"])], "g", [numbers], [energy], [weights]
    )
    return bytes(_model(graph).SerializeToString())


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


GRAPHS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "no graph the runtime can load"),
    "noise": (lambda _: b"\x00\x01\x02" * 1000, "no graph the runtime can load"),
    "truncated": (lambda real: real[: len(real) // 2], "no graph the runtime can load"),
    "foreign": (lambda _: foreign(), r"asks for unknown inputs \['pixels'\]"),
    "external": (lambda _: external(), "tensor 'w' lies outside the file"),
    "not a number": (lambda _: constant([np.nan] * 5), "not finite"),
    "of another shape": (lambda _: constant([[1.0] * 5]), r"must be \(atoms,\)"),
    "of another length": (lambda _: constant([1.0, 2.0]), r"must be \(atoms,\)"),
    "whole numbers": (lambda _: constant([1] * 5, TensorProto.INT64), "must be tensor.float"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_that_cannot_be_served_is_reported_and_the_others_serve(
    name: str, copy: Callable[..., Path], toy_repository: Path
) -> None:
    """With a valid digest, it is the graph itself that is looked at."""
    damage, reason = GRAPHS[name]
    real = (toy_repository / NAME / "1" / ATOMS).read_bytes()
    copy("1")
    repository = Repository.open(copy("2", damage(real)))
    assert [model.version for model in repository.models] == [1]
    (failed,) = repository.failed
    assert (failed.name, failed.version) == (NAME, 2)
    with pytest.raises(UnusableModelError, match=reason) as caught:
        repository.find(f"{NAME}@2")
    assert (caught.value.reason, caught.value.field) == ("MODEL_FAILED", "model")
    assert "\n" not in failed.reason


def test_a_failed_version_leaves_the_name_to_the_highest_that_serves(copy: Callable[..., Path]) -> None:
    """And a name of which nothing serves is not unknown but failed."""
    copy("1")
    copy("2", contract=7)
    repository = Repository.open(copy("1", name="other"))
    assert repository.find(NAME).version == 1
    with pytest.raises(
        UnusableModelError, match="`name` must be the directory's, 'other', got 'toy-bpnn-energy'"
    ):
        repository.find("other")
    with pytest.raises(UnknownModelError):
        repository.find("other@x")


def test_a_graph_may_ask_for_less_and_give_more(copy: Callable[..., Path]) -> None:
    """A network of isolated atoms needs numbers only."""
    repository = Repository.open(copy(graph=constant([0.5] * 5)))
    assert repository.failed == ()


def test_only_versions_are_models(copy: Callable[..., Path]) -> None:
    """Half-written, hidden and other directories, and files, are passed over."""
    path = copy("1")
    for stray in (".partial-x", "01", "0", "latest", "1.5", "9" * 30):
        shutil.copytree(path / NAME / "1", path / NAME / stray)
    (path / NAME / "3").write_text("no directory")
    (path / "README.md").write_text("hello")
    (path / "lost+found").mkdir()
    repository = Repository.open(path)
    assert [(model.name, model.version) for model in repository.models] == [(NAME, 1)]
    assert repository.failed == ()


def test_links_within_the_repository_are_followed(copy: Callable[..., Path]) -> None:
    """As mounted volumes have them: of files to hidden directories, and of versions."""
    path = copy("1")
    version = path / NAME / "1"
    data = version / "..2026_01_01"
    data.mkdir()
    for file in list(version.iterdir()):
        if file.is_file():
            file.rename(data / file.name)
            file.symlink_to(Path("..data") / file.name)
    (version / "..data").symlink_to(data.name)
    (path / NAME / "2").symlink_to("1")
    repository = Repository.open(path)
    assert repository.failed == ()
    assert [model.version for model in repository.models] == [1, 2]


def test_the_repository_itself_may_be_a_link(
    copy: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What a request names never touches the disk."""
    elsewhere = tmp_path_factory.mktemp("linked") / "models"
    elsewhere.symlink_to(copy())
    repository = Repository.open(elsewhere)
    assert repository.find(NAME).version == 1
    with pytest.raises(UnknownModelError):
        repository.find(f"../{elsewhere.name}/{NAME}")


@pytest.mark.parametrize("linked", ["model", "version", "file"])
def test_links_out_of_the_repository_are_refused(
    linked: str, copy: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever they stand for, and though what is there would be a model."""
    elsewhere, path = tmp_path_factory.mktemp("linked"), copy()
    target = {"model": NAME, "version": f"{NAME}/1", "file": f"{NAME}/1/{ATOMS}"}[linked]
    if linked == "file":
        shutil.copytree(path / NAME, elsewhere / NAME)
        (elsewhere / target).unlink()
    (elsewhere / target).parent.mkdir(exist_ok=True)
    (elsewhere / target).symlink_to(path / target)
    repository = Repository.open(elsewhere)
    assert repository.models == ()
    assert {entry.reason.partition(": ")[2] for entry in repository.failed} == {
        "its link leads out of the repository"
    }


def test_a_path_that_is_no_repository_is_an_error(tmp_path: Path) -> None:
    """With the path and the reason of the system."""
    with pytest.raises(BundleError, match="nowhere: is no model repository: No such file"):
        Repository.open(tmp_path / "nowhere")


def test_a_provider_that_is_not_there_is_an_error_and_no_failed_model(copy: Callable[..., Path]) -> None:
    """Before any model is looked at."""
    with pytest.raises(ProviderError, match="`provider` must be one of cpu, cuda, cuda-tf32, got 'tpu'"):
        Repository.open(copy(), "tpu")
