"""`atomlens.server.engine`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atomlens.server.admission import admit
from atomlens.server.engine import Engine, finish
from atomlens.server.errors import EngineError, InputError, OutOfMemoryError, UnknownModelError
from atomlens.server.heads import OffsetParts
from atomlens.server.limits import Limits
from atomlens.server.model import Model, Outputs
from atomlens.server.repository import BUNDLED, Repository
from atomlens.server.structures import Floats, Structures
from atomlens.server.work import Work


@pytest.fixture(scope="module")
def engine(toy_repository: Path) -> Engine:
    """The toy models."""
    return Engine.open(toy_repository)


def test_structures_are_explained_in_their_order(engine: Engine, g2: Structures) -> None:
    """Whatever the size of the batches that they are computed in."""
    whole = engine.explain(g2, "toy-bpnn-energy")
    small = Engine(engine.repository, Limits(batch_cost=40)).explain(g2, "toy-bpnn-energy@1")
    assert whole.answered.tolist() == list(range(len(g2)))
    assert np.array_equal(whole.counts, g2.counts)
    assert np.abs(whole.heads[0].properties - small.heads[0].properties).max() < 1e-4


def test_failures_keep_their_places(engine: Engine, water: Structures) -> None:
    """Among answers that are not touched by them."""
    bad = replace(water, charges=np.array([1.0]))
    mixed = engine.explain(Structures.concatenate([bad, water, bad, water]), "toy-schnet-dipole")
    alone = engine.explain(water, "toy-schnet-dipole")
    assert (mixed.structures, mixed.answered.tolist(), sorted(mixed.failures)) == (4, [1, 3], [0, 2])
    assert np.allclose(mixed.heads[0].contributions, np.tile(alone.heads[0].contributions, 2), atol=4e-6)


def test_nothing_is_explained_by_nothing(engine: Engine, water: Structures) -> None:
    """No structures, or none that is valid, are no error."""
    nothing = engine.explain(water.take([]), "toy-schnet-dipole")
    assert (nothing.structures, nothing.heads[0].properties.shape) == (0, (0,))
    failed = engine.explain(replace(water, spins=np.array([2])), "toy-schnet-dipole")
    assert (failed.structures, failed.answered.tolist(), len(failed.failures)) == (1, [], 1)


def test_unknown_names_are_errors_of_the_call(engine: Engine, water: Structures) -> None:
    """Of models and of heads."""
    with pytest.raises(UnknownModelError):
        engine.explain(water, "nope")
    with pytest.raises(InputError, match="`heads` of toy-bpnn-energy are energy, got 'charge'") as caught:
        engine.explain(water, "toy-bpnn-energy", ["charge"])
    assert (caught.value.reason, caught.value.field) == ("UNKNOWN_HEAD", "heads")


def test_heads_are_answered_once(engine: Engine, water: Structures) -> None:
    """A request that names one a million times does not get a million answers."""
    assert len(engine.explain(water, "toy-bpnn-energy", ["energy"] * 1000).heads) == 1


def test_a_number_that_is_not_finite_fails_its_structure_alone(model: Model, water: Structures) -> None:
    """The others are answered as if it were not there."""
    batch = Structures.concatenate([replace(water, spins=np.array([9])), water, water, water])
    admission = admit(model, batch, (), Limits())
    outputs = model.run(admission.works[0])
    broken = {"energy": outputs["energy"].copy()}
    broken["energy"][4] = np.inf  # of the second that was admitted
    explanations = finish(model, admission, [broken])
    assert explanations.answered.tolist() == [1, 3]
    assert sorted(explanations.failures) == [0, 2]
    assert explanations.failures[2].field == "structures[2]"
    assert "not finite" in explanations.failures[2].message
    assert np.allclose(explanations.heads[0].parts.model, outputs["energy"][[0, 1, 2, 6, 7, 8]])  # type: ignore[union-attr]


def test_a_structure_that_the_runtime_fails_on_fails_alone(
    engine: Engine, water: Structures, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are computed in halves without it, and the log says why."""
    model = engine.repository.find("toy-bpnn-energy")
    run, far = model.run, 1e5

    def fail(work: Work) -> Outputs:
        if len(set(work.counts)) > 1 or work.counts[0] == 2:
            raise EngineError("no memory left")
        return run(work)

    monkeypatch.setattr(model, "run", fail)
    pair = Structures.molecules([2], [1, 1], [[0.0, 0, 0], [0, 0, far]])
    batch = Structures.concatenate([water, water, pair, water, water])
    explanations = engine.explain(batch, "toy-bpnn-energy")
    assert list(explanations.failures) == [2]
    assert explanations.failures[2].code == EngineError.code
    assert "no memory left" in caplog.text
    monkeypatch.undo()
    expected = engine.explain(water, "toy-bpnn-energy").heads[0].properties[0]
    assert explanations.heads[0].properties == pytest.approx([expected] * 4, abs=1e-5)


def test_a_structure_that_memory_is_short_for_fails_alone(
    engine: Engine,
    water: Structures,
    g2: Structures,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As what the caller or the operator can mend, beside one that fails for another reason and good ones.

    The log warns of its size; an error is what nobody foresaw.
    """
    model = engine.repository.find("toy-bpnn-energy")
    run, largest = model.run, int(g2.counts.max())
    pair = Structures.molecules([2], [1, 1], [[0.0, 0, 0], [0, 0, 1e5]])

    def narrow(work: Work) -> Outputs:
        if max(work.counts) == largest:
            raise EngineError("the runtime failed") from RuntimeError(
                "Failed to allocate memory for requested buffer"
            )
        if min(work.counts) == 2:
            raise EngineError("something else")
        return run(work)

    monkeypatch.setattr(model, "run", narrow)
    batch = Structures.concatenate([water, g2.take([int(g2.counts.argmax())]), water, pair, water])
    explanations = engine.explain(batch, "toy-bpnn-energy")
    assert explanations.answered.tolist() == [0, 2, 4]
    short, other = explanations.failures[1], explanations.failures[3]
    assert (type(short), short.reason, short.field) == (OutOfMemoryError, "OUT_OF_MEMORY", "structures[1]")
    assert (type(other), other.field) == (EngineError, "structures[3]")
    told = {record.levelname: record.getMessage() for record in caplog.records}
    assert f"not enough memory for a structure of {largest} atoms" in told["WARNING"]
    assert "failed on a structure of 2 atoms: EngineError('something else')" in told["ERROR"]


@pytest.mark.parametrize("name", ["schnet-qm9-energy", "bpnn-qm9-energy"])
def test_company_changes_contributions_by_the_last_bits_of_float32(name: str, g2: Structures) -> None:
    """By 1e-6 eV at most, alone or among others in any order: on 3,000 molecules of QM9 it was 5e-7."""
    version = max((BUNDLED / name).iterdir(), key=lambda path: int(path.name))
    engine = Engine(Repository([Model.load(version, "cpu")]))

    def contributions(structures: Structures) -> Floats:
        parts = engine.explain(structures, name).heads[0].parts
        assert isinstance(parts, OffsetParts)
        return parts.model

    together = contributions(g2)
    alone = np.concatenate([contributions(g2.take([row])) for row in range(len(g2))])
    backwards = np.arange(len(g2))[::-1]
    turned = contributions(g2.take(backwards))
    assert np.abs(alone - together).max() < 1e-6
    assert np.abs(turned - together[g2.atoms_of(backwards)]).max() < 1e-6
