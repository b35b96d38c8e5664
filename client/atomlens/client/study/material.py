"""Material: what the analyses of a study work on: models, samples, and what the models answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from atomlens.client.card import Card
from atomlens.client.client import Client
from atomlens.client.errors import InputError
from atomlens.client.study.answers import Answers, Asked, Progress, ask
from atomlens.client.study.charges import references
from atomlens.client.study.environments import Environments, environments
from atomlens.client.study.labels import Label, find_labels
from atomlens.client.study.perception import Perceived, perceive
from atomlens.client.study.sample import Sample
from atomlens.client.study.section import LeftOut


class Chemistry(NamedTuple):
    """What was perceived of a sample's molecules."""

    molecules: list[Perceived]
    environments: Environments


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Models, samples and answers, in the order they were asked for."""

    client: Client
    cards: tuple[Card, ...]
    samples: tuple[Sample, ...]
    answers: tuple[Answers, ...]
    chemistry: Mapping[Sample, Chemistry]  # of samples of molecules
    labels: Mapping[str, str]  # by head the field that was chosen to compare with
    left_out: tuple[LeftOut, ...]  # structures that could not be explained or perceived

    @classmethod
    def gather(
        cls,
        client: Client,
        samples: Sequence[Sample],
        models: Sequence[str],
        labels: Mapping[str, str],
        progress: Progress,
    ) -> Material:
        """Ask each model about the samples that it can be compared on, or about all if there is none.

        Raises:
            AtomLensError: a model is unknown or cannot be asked, or none was named and none fits the files.
            DataError (ValueError): a label has no unit that can be understood.
        """
        cards = _cards(client, models) or _fitting(client, samples, labels)
        _check_labels(cards, samples, labels)
        answers: list[Answers] = []
        left_out: list[LeftOut] = []
        for card in cards:
            fit = [sample for sample in samples if fits(card, sample, labels)]
            for sample in fit or samples:
                asked = ask(client, card, sample, progress)
                answers += asked.answers
                left_out += _unexplained(card, sample, asked)
        asked_about = dict.fromkeys(one.sample for one in answers)
        chemistry = {sample: _perceive(sample, progress) for sample in asked_about if sample.is_molecular}
        left_out += chain.from_iterable(_unperceived(*item) for item in chemistry.items())
        return cls(client, tuple(cards), tuple(samples), tuple(answers), chemistry, labels, tuple(left_out))

    def labelled(self) -> Iterator[tuple[Answers, Label]]:
        """Yield the answers that the file of their sample has labels for."""
        for answers in self.answers:
            for label in find_labels(answers.card, answers.sample, self.labels):
                if label.head == answers.head:
                    yield answers, label

    def first_of_each_model(self) -> list[Answers]:
        """Return the answers of each head about the first sample that its model was asked about."""
        first = {(answers.model, answers.head): answers for answers in reversed(self.answers)}
        return [answers for answers in self.answers if first[answers.model, answers.head] is answers]

    def of_aggregation(self, aggregation: str) -> list[Answers]:
        """Return the answers of heads with an aggregation: sum, mean, dipole or second_moment."""
        return [answers for answers in self.answers if answers.aggregation == aggregation]


def fits(card: Card, sample: Sample, labels: Mapping[str, str]) -> bool:
    """Return whether a model can be compared with what the file of a sample says."""
    charged = "dipole" in card.aggregations
    return any(True for _ in find_labels(card, sample, labels)) or (charged and bool(references(sample)))


def _unexplained(card: Card, sample: Sample, asked: Asked) -> Iterator[LeftOut]:
    for reason, count in asked.failures.items():
        yield LeftOut(
            f"{count} of {len(sample.counts)} structures of {sample.source} by {card.status}", reason
        )


def _perceive(sample: Sample, progress: Progress) -> Chemistry:
    molecules: list[Perceived] = []
    for structure in sample.structures:
        molecules.append(perceive(structure))
        if len(molecules) % 200 == 0:
            progress(f"bonds: {len(molecules)} of {len(sample.structures)} molecules of {sample.source}")
    return Chemistry(molecules, environments(molecules, sample.counts))


def _unperceived(sample: Sample, chemistry: Chemistry) -> Iterator[LeftOut]:
    for reason, count in chemistry.environments.failures:
        yield LeftOut(f"environments in {count} of {len(sample.counts)} molecules of {sample.source}", reason)


def _cards(client: Client, models: Sequence[str]) -> list[Card]:
    """Return the cards of models, each once however often and by whatever name it is asked for."""
    cards = map(client.model, models)
    return list({str(card.status): card for card in cards}.values())


def _check_labels(cards: Sequence[Card], samples: Sequence[Sample], labels: Mapping[str, str]) -> None:
    """Refuse labels of heads that no model has, and those that no file has."""
    heads = sorted({head["name"] for card in cards for head in card.document.get("heads", [])})
    for head, field in labels.items():
        if head not in heads:
            raise InputError(f"`label` must name a head of a model, {' or '.join(heads)}, got {head!r}")
        name = field.partition(":")[0]
        if not any(name in sample.table.fields or name in sample.table.flaws for sample in samples):
            raise InputError(f"`label` must name a field of a file, got {name!r} for {head!r}")


def _fitting(client: Client, samples: Sequence[Sample], labels: Mapping[str, str]) -> list[Card]:
    cards = [client.model(str(status)) for status in client.models() if status.ready and status.is_default]
    fitting = [card for card in cards if any(fits(card, sample, labels) for sample in samples)]
    if not fitting:
        raise InputError(
            "no model was trained on a label that is in the files: name models by -m", field="model"
        )
    return fitting
