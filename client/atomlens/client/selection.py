"""Selection: which models are asked, and which of them answer together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from atomlens.client.errors import InputError
from atomlens.client.explanation import Explanation, Outcome, combine
from atomlens.client.failure import Failure

Models: TypeAlias = "str | Sequence[str]"
DEFAULT_MODELS = ("schnet-qm9-energy", "schnet-qm9-dipole")


def names_of(models: Models) -> tuple[str, ...]:
    """Return the names of the models to ask; raises `InputError` for none or one twice."""
    names = (models,) if isinstance(models, str) else tuple(models)
    if not names or len(set(names)) < len(names):
        raise InputError(f"`model` must name one or more different models, got {models!r}", field="model")
    return names


def one_name_of(model: str) -> str:
    """Return the name of the one model to ask; raises `InputError` for several."""
    if not isinstance(model, str):
        raise InputError(f"`model` must name one model, got {model!r}", field="model")
    return model


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the combined answer of several models to one structure, or their first failure."""
    if len(outcomes) == 1:
        return outcomes[0]
    explanations = []
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            return outcome
        explanations.append(outcome)
    return combine(explanations)


def group(heads: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return models in groups without a head in common, each in the first group that it fits into."""
    groups: list[list[str]] = []
    for model, own in heads.items():
        for members in groups:
            if not any(set(own) & set(heads[member]) for member in members):
                members.append(model)
                break
        else:
            groups.append([model])
    return groups


def answered(outcomes: Sequence[Outcome]) -> list[Explanation]:
    """Return the explanations among outcomes."""
    return [outcome for outcome in outcomes if isinstance(outcome, Explanation)]
