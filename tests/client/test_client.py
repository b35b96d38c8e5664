"""The client against a real server and against the engine in this process."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from atomlens.client import (
    Client,
    Explanation,
    Failure,
    InputError,
    StreamSettings,
    Structure,
    Structures,
    UnavailableError,
    UnknownModelError,
    UnreadableFileError,
    UnusableModelError,
    read,
)
from atomlens.client.explanation import Outcome
from atomlens.client.testing import RunningServer

from .conftest import MODELS

if TYPE_CHECKING:
    from ase import Atoms

NAMES = ("energies", "energies_model", "energies_offset", "charges", "charges_raw", "dipole", "dipole_origin")
WATER = {"symbols": ["O", "H", "H"], "positions": [[0, 0, 0.1], [0, 0.8, -0.5], [0, -0.8, -0.5]]}
# What is wrong with a structure, and the reason that the server gives.
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"numbers": [], "positions": []}, "EMPTY_STRUCTURE"),
    "not finite": ({"numbers": [1, 1], "positions": [[0, 0, 0], [0, 0, np.nan]]}, "NOT_FINITE"),
    "absurd": ({"numbers": [1, 1], "positions": [[0, 0, 0], [0, 0, 1e12]]}, "COORDINATES_TOO_LARGE"),
    "one place": ({"numbers": [1, 1], "positions": [[0, 0, 1], [0, 0, 1]]}, "COINCIDENT_ATOMS"),
    "element": ({"numbers": [14], "positions": [[0, 0, 0]]}, "UNKNOWN_ELEMENT"),
    "charge": (WATER | {"charge": 1}, "UNSUPPORTED_CHARGE"),
    "spin": (WATER | {"spin": 3}, "UNSUPPORTED_SPIN"),
    "no cell": (WATER | {"pbc": True}, "MISSING_CELL"),
}


@pytest.fixture(params=["server", "local"])
def asked(request: pytest.FixtureRequest, client: Client, local: Client) -> Client:
    """Return a client of a server, and one of the engine in this process."""
    return client if request.param == "server" else local


def equal(one: Outcome, other: Outcome) -> None:
    """Check that two answers are of one structure and agree in float32."""
    assert isinstance(one, Explanation)
    assert isinstance(other, Explanation)
    assert one.id == other.id
    for name in NAMES:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-4)


def test_explanation(asked: Client) -> None:
    """An explanation has what both models say, and its parts make its wholes."""
    water = asked.explain(WATER, MODELS)
    for whole in (water.energies, water.energies_model, water.energies_offset, water.charges, water.dipole):
        assert whole is not None
        assert whole.shape == (3,)
    assert water.energy == pytest.approx(water.contributions["energy"].sum(), abs=1e-9)
    assert water.contributions["charge"].sum() == pytest.approx(0.0, abs=1e-9)
    assert water.dipole is not None
    assert water.dipole_magnitude == pytest.approx(np.linalg.norm(water.dipole))
    assert [model.name for model in water.models] == list(MODELS)
    assert all(model.provider == "cpu" and len(model.digest) == 64 for model in water.models)


def test_one_answer_whatever_the_form(asked: Client, molecules: list[Atoms], molecule_file: Path) -> None:
    """ase.Atoms, dicts, arrays and parts of files are one structure."""
    atoms = molecules[3]
    forms: list[Any] = [
        atoms,
        {"numbers": atoms.numbers, "positions": atoms.positions},
        (atoms.numbers, atoms.positions),
        f"{molecule_file}@3",
    ]
    energies = [asked.explain(form, MODELS[0]).energy for form in forms]
    np.testing.assert_allclose(np.array(energies, float), np.array(energies[0], float), atol=1e-4)


def test_server_and_engine_agree(client: Client, local: Client, molecule_file: Path) -> None:
    """The engine in this process says what the server says."""
    pairs = zip(
        client.explain_many(molecule_file, MODELS), local.explain_many(molecule_file, MODELS), strict=True
    )
    for one, other in pairs:
        equal(one, other)


def test_stream_is_unary(asked: Client, molecules: list[Atoms]) -> None:
    """A stream, ordered or not, of one model or two, says what single questions say."""
    items = [Structure.of(atoms).named(str(k)) for k, atoms in enumerate(molecules[:30])]
    single = {item.id: asked.explain(item, MODELS) for item in items}
    together = list(asked.stream(items, MODELS))
    assert [one.id for one in together] == list(single)
    for one in together:
        equal(one, single[one.id])
    unordered = list(asked.stream(items, MODELS[0], ordered=False))
    assert sorted(one.id for one in unordered) == sorted(single)
    for one in unordered:
        assert isinstance(one, Explanation)
        assert one.energy == pytest.approx(single[one.id].energy, abs=1e-3)


@pytest.mark.parametrize("model", MODELS)
def test_batches_say_what_explanations_say(asked: Client, molecules: list[Atoms], model: str) -> None:
    """A flat answer, to a request or from a stream, has the numbers that single structures get."""
    batch = Structures.of(Structure.of(atoms).named(str(k)) for k, atoms in enumerate(molecules[:30]))
    expected = [asked.explain(one, model) for one in batch]
    (streamed,) = asked.stream_batches([batch], model)
    for answers in (asked.explain_batch(batch, model), streamed):
        assert answers.structures.ids == batch.ids
        assert answers.answered.all()
        for (name, head), (first, *_) in zip(answers.heads.items(), [expected], strict=True):
            assert (head.unit, head.aggregation) == (first.heads[name].unit, first.heads[name].aggregation)
            for flat, single in (
                ("properties", "value"),
                ("contributions",) * 2,
                ("model",) * 2,
                ("raw",) * 2,
            ):
                values = [np.atleast_1d(getattr(one.heads[name], single)) for one in expected]
                if getattr(head, flat) is not None:
                    np.testing.assert_allclose(getattr(head, flat), np.concatenate(values), atol=1e-3)
        assert answers.models == expected[0].models


def test_bad_structures_of_a_batch_fail_alone(asked: Client) -> None:
    """In a batch bad structures fail where they stand; their numbers are NaN, and the rest is answered."""
    batch = [one for structure, _ in BAD.values() for one in (WATER, structure)]
    (streamed,) = asked.stream_batches([batch], MODELS[0])
    for answers in (asked.explain_batch(batch, MODELS[0]), streamed):
        assert [answers.failures[k].reason for k in sorted(answers.failures)] == [
            why for _, why in BAD.values()
        ]
        assert answers.answered.tolist() == [True, False] * len(BAD)
        assert np.isnan(answers.properties["energy"]).tolist() == [False, True] * len(BAD)
        assert len(set(answers.properties["energy"][answers.answered].round(3))) == 1
        owners = np.repeat(np.arange(len(batch)), answers.structures.counts)
        assert (np.isnan(answers.contributions["energy"]) == ~answers.answered[owners]).all()
        assert isinstance(answers[1], Failure)
        assert "structures[" not in str(answers[1].error)


def test_batch_in_parts(client: Client, molecules: list[Atoms], monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is too large for one request is asked about in parts, of one version."""
    whole = client.explain_batch(molecules[:20], MODELS[0])
    monkeypatch.setattr("atomlens.client.client.REQUEST_ATOMS", 20)
    asked: list[tuple[str, str]] = []
    explain = client._transport.explain

    def noted(request: Any, timeout_seconds: float | None) -> Any:
        asked.append((request.model.name, request.model.digest))
        return explain(request, timeout_seconds)

    monkeypatch.setattr(client._transport, "explain", noted)
    parts = client.explain_batch(molecules[:20], MODELS[0])
    np.testing.assert_allclose(parts.properties["energy"], whole.properties["energy"], atol=1e-3)
    (model,) = whole.models
    assert len(asked) > 2
    assert set(asked) == {(MODELS[0], ""), (f"{MODELS[0]}@1", model.digest)}


def test_batch_of_nothing(asked: Client) -> None:
    """Nothing is answered with nothing."""
    assert len(asked.explain_batch([], MODELS[0])) == 0
    assert list(asked.stream_batches([], MODELS[0])) == []
    with pytest.raises(InputError, match="`model` must name one model"):
        asked.explain_batch([], MODELS)  # type: ignore[arg-type]


def test_models_each_on_their_own(asked: Client, molecule_file: Path) -> None:
    """Models that share a head can be streamed beside each other."""
    for first, second in asked.stream_each(molecule_file, [MODELS[0], "toy-bpnn-energy"]):
        assert first.id == second.id
        assert isinstance(first, Explanation)
        assert isinstance(second, Explanation)
        assert first.models != second.models


def test_shared_heads(asked: Client) -> None:
    """Models that share a head are no one answer."""
    with pytest.raises(InputError, match="without a head in common"):
        asked.explain(WATER, [MODELS[0], "toy-bpnn-energy"])


@pytest.mark.parametrize("name", BAD)
def test_bad_structure(asked: Client, name: str) -> None:
    """Each kind of bad structure is an error with its own reason and one line of words."""
    structure, reason = BAD[name]
    with pytest.raises(InputError) as caught:
        asked.explain(structure, MODELS[0])
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)
    assert "structures[" not in caught.value.field


def test_element_and_model_are_named(asked: Client) -> None:
    """An element that a model does not know is named, and so is the model."""
    with pytest.raises(InputError, match=r"toy-schnet-energy.*Si"):
        asked.explain(BAD["element"][0], MODELS[0])


def test_periodic_dipole(asked: Client) -> None:
    """A crystal has energies and no dipole."""
    crystal = WATER | {"cell": np.eye(3) * 8, "pbc": True}
    assert asked.explain(crystal, MODELS[0]).energy is not None
    with pytest.raises(InputError) as caught:
        asked.explain(crystal, MODELS)
    assert caught.value.reason == "PERIODIC_MOMENT"


@pytest.mark.parametrize("way", ["explain_many", "stream"])
def test_bad_structures_fail_alone(asked: Client, way: str, tmp_path: Path) -> None:
    """Among many, bad structures and files fail where they stand, and the rest is answered."""
    bad = [structure for structure, _ in BAD.values()]
    items: list[Any] = list(itertools.chain.from_iterable((WATER, one) for one in bad))
    items += [{"numbers": [1]}, tmp_path / "none.xyz", WATER]
    outcomes = list(getattr(asked, way)(items, MODELS[0]))
    reasons = [outcome.error.reason for outcome in outcomes if isinstance(outcome, Failure)]
    assert reasons == [*(reason for _, reason in BAD.values()), "WRONG_SHAPE", "NO_SUCH_FILE"]
    answered = [outcome for outcome in outcomes if isinstance(outcome, Explanation)]
    assert len(answered) == len(bad) + 1
    assert len({outcome.energy for outcome in answered}) == 1


@pytest.mark.parametrize("name", ["nothing", f"{MODELS[0]}@9", "../secrets", ""])
def test_unknown_model(asked: Client, name: str) -> None:
    """A model or version that is not served is an error, in every way of asking."""
    for ask in (
        lambda: asked.explain(WATER, name),
        lambda: list(asked.stream([WATER], name)),
        lambda: asked.explain_batch([WATER], name),
        lambda: list(asked.stream_batches([[WATER]], name)),
        lambda: asked.model(name),
        lambda: asked.embedding(name),
    ):
        with pytest.raises(UnknownModelError):
            ask()


def test_unreadable_file(asked: Client, tmp_path: Path, molecule_file: Path) -> None:
    """One structure is read from a file, or it is an error."""
    with pytest.raises(UnreadableFileError, match="no such file"):
        asked.explain(tmp_path / "none.xyz", MODELS)
    with pytest.raises(InputError, match="holds several structures, and this takes one"):
        asked.explain(molecule_file, MODELS)


def test_one_structure_is_no_iterable(asked: Client, molecules: list[Atoms]) -> None:
    """A single structure where many are wanted is not taken apart."""
    for one in (WATER, molecules[0]):
        with pytest.raises(InputError, match="must be an iterable of structures"):
            list(asked.stream(one, MODELS[0]))


def test_models(asked: Client) -> None:
    """Models are listed, and each has a card that can be read."""
    statuses = asked.models()
    assert [str(status) for status in statuses if status.ready] == [
        *(f"toy-bpnn-{kind}@1" for kind in ("dipole", "energy", "formation")),
        *(f"toy-schnet-{kind}@1" for kind in ("dipole", "energy", "extent", "formation")),
    ]
    for status in statuses:
        card = asked.model(status.name)
        assert card.status == status
        crystals = status.heads == ("formation_energy",)
        assert status.elements == (("O", "Na", "Mg", "Cl", "Cu") if crystals else ("H", "C", "N", "O"))
        assert card.document["name"] == status.name
        assert {error.split for error in card.errors} == {"validation", "test"}
        assert status.digest in str(card)


def test_embedding(asked: Client) -> None:
    """What a model learned of the elements is told; a model that learned nothing of the kind is refused."""
    embedding = asked.embedding(MODELS[0])
    card = asked.model(MODELS[0])
    assert (embedding.model.name, embedding.model.digest) == (MODELS[0], card.status.digest)
    assert embedding.symbols == list(card.status.elements)
    assert embedding.rows.tolist() == [row["values"] for row in card.document["embedding"]]
    with pytest.raises(UnusableModelError, match="has no embedding") as caught:
        asked.embedding("toy-bpnn-energy")
    assert caught.value.reason == "NO_EMBEDDING"


def test_leaving_a_stream(client: Client, molecules: list[Atoms]) -> None:
    """A client that leaves in the middle leaves a server that serves."""
    for ordered in (True, False):
        stream = client.stream(itertools.cycle(molecules), MODELS[0], ordered=ordered)
        assert isinstance(next(stream), Explanation)
        stream.close()
    assert client.explain(WATER, MODELS).energy is not None


def test_small_windows(server: Any, molecule_file: Path) -> None:
    """However small chunks and window are, everything is answered."""
    with server.client(streaming=StreamSettings(chunk_atoms=1, window_atoms=1)) as tight:
        assert [one.id for one in tight.stream(molecule_file, MODELS)] == [
            one.id for one in read(molecule_file)
        ]


def test_no_server() -> None:
    """Where nobody listens the error names the address."""
    with (
        Client("127.0.0.1:1", timeout_seconds=5) as nobody,
        pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"),
    ):
        nobody.models()


def test_address() -> None:
    """An address of the web is not one of gRPC."""
    with pytest.raises(InputError, match="`address` must be HOST:PORT"):
        Client("http://localhost:50551")


def test_closed(server: RunningServer, molecules: list[Atoms]) -> None:
    """A client that was closed says so, in every way of asking, and can be closed again."""
    with server.client() as closed:
        assert closed.models()
    closed.close()
    for ask in (
        lambda: closed.explain(WATER, MODELS),
        lambda: list(closed.stream(molecules, MODELS[0])),
        lambda: closed.explain_batch(molecules, MODELS[0]),
        lambda: list(closed.stream_batches([molecules], MODELS[0])),
        lambda: closed.model(MODELS[0]),
        lambda: closed.embedding(MODELS[0]),
        closed.models,
        closed.refresh_models,
    ):
        with pytest.raises(InputError, match="the client is closed"):
            ask()
