"""Client: asks a server, or the engine in this process, and returns explanations."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import tee
from pathlib import Path
from types import TracebackType

import numpy.typing as npt

from atomlens.client.address import DEFAULT_ADDRESS
from atomlens.client.batches import Batches
from atomlens.client.card import Card, ModelStatus, refreshed
from atomlens.client.chunking import Chunk, Chunker, Item, chunks, cut
from atomlens.client.credentials import Credentials, Tls
from atomlens.client.embedding import Embedding
from atomlens.client.explanation import Explanation, Outcome
from atomlens.client.explanations import Explanations
from atomlens.client.failure import Failure
from atomlens.client.inputs import Inputs, read_all, read_one
from atomlens.client.ledger import Answered
from atomlens.client.local import LocalTransport
from atomlens.client.lone import lone_request, read_lone
from atomlens.client.patience import Patience
from atomlens.client.probe.grid import Grid
from atomlens.client.probe.request import (
    DEFAULT_PROBE_MODEL,
    MARGIN_ANGSTROM,
    SPACING_ANGSTROM,
    Elements,
    place,
    probe_request,
)
from atomlens.client.probe.stream import ProbeStream
from atomlens.client.requests import explain_request, read_response, settled
from atomlens.client.selection import DEFAULT_MODELS, Models, names_of, one_name_of, together
from atomlens.client.stream_settings import StreamSettings
from atomlens.client.streaming import stream
from atomlens.client.structure import Structure, StructureLike
from atomlens.client.structures import Structures
from atomlens.client.transport import GrpcTransport, Transport, checked_timeout
from atomlens.v1 import explanations_pb2
from atomlens.v1.explanation_service_pb2 import ExplainRequest as Request
from atomlens.v1.explanation_service_pb2 import ExplainResponse as Response

REQUEST_ATOMS = 50_000  # of one request of `explain_many`: answers of many heads fit into a message too


class Client:
    """Explains structures with the models of one server.

    A structure is `ase.Atoms`, a dict, (numbers, positions) or a `Structure`; files are named by path, as in
    ``"file.xyz@0:10"``. ``timeout_seconds`` bounds a request, and the wait for the next answer of a stream.
    Errors are `atomlens.client.errors`. Methods may be called from several threads.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        timeout_seconds: float | None = 60.0,
        streaming: StreamSettings | None = None,
        tls: Tls | bool = False,
        token: str | Path | None = None,
        insecure_token: bool = False,
        transport: Transport | None = None,
    ) -> None:
        """Prepare to ask the server at ``address``; nothing is sent before the first call.

        ``tls`` encrypts: True trusts servers with public certificates, `Tls` names a CA and a certificate of
        the client's own. ``token`` is a text, or the path of a file that every call reads anew; it is sent
        without TLS within this machine alone, unless ``insecure_token`` allows more.
        """
        self._timeout_seconds = checked_timeout(timeout_seconds)
        credentials = Credentials.of(tls, token, insecure_token)
        self._transport = transport or GrpcTransport(address, credentials=credentials)
        self._streaming = streaming or StreamSettings()
        self._patience = Patience(self._streaming.backoff)

    @classmethod
    def local(
        cls,
        models: Path | str | None = None,
        provider: str = "cpu",
        *,
        streaming: StreamSettings | None = None,
    ) -> Client:
        """Return a client of the engine in this process (extra `server`) with a directory of models."""
        return cls(timeout_seconds=None, streaming=streaming, transport=LocalTransport(models, provider))

    def explain(self, structure: StructureLike | str | Path, model: Models = DEFAULT_MODELS) -> Explanation:
        """Return what one or more models say about one structure; several must have no head in common."""
        one = read_one(structure)
        outcome = together([self._answer_one(one, name) for name in names_of(model)])
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    def explain_many(self, structures: Inputs, model: Models = DEFAULT_MODELS) -> list[Outcome]:
        """Return an explanation or a failure for each structure, in order; for lists that fit into memory."""
        names = names_of(model)
        outcomes: list[Outcome] = []
        for items in chunks(read_all(structures), Chunker(REQUEST_ATOMS)):
            chunk = Chunk.of(items)
            outcomes += chunk.outcomes(self._ask(chunk.structures, names))
        return outcomes

    def explain_batch(self, structures: Iterable[StructureLike], model: str) -> Explanations:
        """Return what one model says about every structure of a batch, in flat arrays.

        A batch too large for a message is asked about in parts, of one version of the model.
        """
        selector = explanations_pb2.ModelSelector(name=one_name_of(model))
        answers = []
        for part in cut(Structures.of(structures), REQUEST_ATOMS):
            answers.append(self._answer(part, selector))
            selector = settled(answers[0])
        return Explanations.concatenate(answers)

    def stream(
        self, structures: Inputs, model: Models = DEFAULT_MODELS, *, ordered: bool = True
    ) -> Generator[Outcome, None, None]:
        """Yield an explanation or a failure for each structure of an iterable of any length.

        Memory is bounded: no more structures are taken than the window of `StreamSettings` holds. With
        ``ordered=False`` one model's answers come as they are ready; those of several models always
        come in order. Leaving the iteration ends the calls.
        """
        names = names_of(model)
        if len(names) > 1:
            return self._stream_together(structures, names)
        return self._stream_one(read_all(structures), names[0], ordered)

    def stream_batches(
        self, batches: Iterable[Iterable[StructureLike]], model: str
    ) -> Generator[Explanations, None, None]:
        """Yield what one model says about each batch of an iterable of any length, in order.

        Small batches are sent together and large ones in parts. Memory is bounded as `stream` says, for
        batches that are smaller than its window.
        """
        name, asked = one_name_of(model), Batches(self._streaming)
        with closing(self._stream_chunks(_cut(batches, asked), name, True)) as answers:
            for answered in answers:
                yield from asked.settle(answered)
        yield from asked.end()

    def stream_each(
        self, structures: Inputs, models: Sequence[str]
    ) -> Generator[tuple[Outcome, ...], None, None]:
        """Yield one outcome of each model for each structure, in order; models may share heads."""
        branches = tee(read_all(structures), len(models))
        streams = [self._stream_one(items, name, True) for items, name in zip(branches, models, strict=True)]
        try:
            yield from zip(*streams, strict=True)
        finally:
            for answers in streams:
                answers.close()

    def probe(
        self,
        structure: StructureLike | str | Path,
        elements: Elements,
        model: str = DEFAULT_PROBE_MODEL,
        *,
        heads: Sequence[str] = (),
        spacing: float = SPACING_ANGSTROM,
        margin: float = MARGIN_ANGSTROM,
        grid: Grid | None = None,
        points: npt.ArrayLike | None = None,
        left_out: Sequence[int] = (),
        slab_points: int = 0,
    ) -> ProbeStream:
        """Carry a probe of each element through the space around a structure; return what comes of it.

        Args:
            structure: one molecule or crystal.
            elements: symbols of the probes, such as ``"H"`` or ``["H", "C"]``.
            model: the model to ask.
            heads: names of the heads wanted; all of the model's for none.
            spacing: distance between the points of a fitted grid in Å.
            margin: how far a fitted grid reaches beyond the atoms in Å; it spans the cell where that repeats.
            grid: another grid, instead of a fitted one.
            points: a list of points in Å (points, 3), instead of a grid.
            left_out: atoms that probes do not feel, though they shaped what is felt of the others.
            slab_points: of each slab, a multiple of 16,384; 0 leaves it to the server.
        """
        where = place(spacing, margin, grid, points)
        one = read_one(structure)
        request = probe_request(one, elements, model, where, heads, left_out, slab_points)
        return ProbeStream(self._transport, one, request, self._streaming.backoff, self._timeout_seconds)

    def models(self) -> list[ModelStatus]:
        """Return every version of every model, those that could not be loaded too."""
        response = self._transport.list_models(self._timeout_seconds)
        return [ModelStatus.from_proto(status) for status in response.models]

    def refresh_models(self) -> list[ModelStatus]:
        """Have the repository looked at now; return every version when what is new is served, or failed.

        Versions that had failed are tried again. A server with tokens asks for one with the scope `admin`.
        Raises `UnusableModelError` where the server cannot read its repository; what it had loaded serves on.
        """
        return refreshed(self._transport.refresh_models(self._timeout_seconds))

    def model(self, name: str) -> Card:
        """Return the card of MODEL or MODEL@VERSION."""
        return Card.from_proto(self._transport.get_model(name, self._timeout_seconds))

    def embedding(self, model: str) -> Embedding:
        """Return what MODEL or MODEL@VERSION learned of the elements.

        Raises `UnusableModelError` for a model that embeds none, as Behler-Parrinello networks do not.
        """
        return Embedding.from_proto(self._transport.get_embedding(model, self._timeout_seconds))

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, structures: Structures, names: Sequence[str]) -> list[Outcome]:
        if not len(structures):
            return []
        answers = [self._answer(structures, explanations_pb2.ModelSelector(name=name)) for name in names]
        return [together(outcomes) for outcomes in zip(*answers, strict=True)]

    def _answer_one(self, one: Structure, model: str) -> Outcome:
        return read_lone(self._explain(lone_request(model, one)), one)

    def _answer(self, structures: Structures, model: explanations_pb2.ModelSelector) -> Explanations:
        return read_response(self._explain(explain_request(model, structures)), structures)

    def _explain(self, request: Request) -> Response:
        def ask(seconds: float | None) -> Response:
            return self._transport.explain(request, seconds)

        return self._patience.ask(ask, self._timeout_seconds)

    def _stream_chunks(
        self, source: Iterator[Chunk], name: str, ordered: bool
    ) -> Generator[Answered, None, None]:
        selector = explanations_pb2.ModelSelector(name=name)
        return stream(self._transport, source, selector, ordered, self._streaming, self._timeout_seconds)

    def _stream_one(self, items: Iterator[Item], name: str, ordered: bool) -> Generator[Outcome, None, None]:
        chunker: Chunker[Item] = Chunker(self._streaming.chunk_atoms, self._streaming.chunk_seconds)
        source = map(Chunk.of, chunks(items, chunker))
        with closing(self._stream_chunks(source, name, ordered)) as answers:
            for answered in answers:
                yield from answered.outcomes()

    def _stream_together(self, structures: Inputs, names: Sequence[str]) -> Generator[Outcome, None, None]:
        for outcomes in self.stream_each(structures, names):
            yield together(outcomes)


def _cut(batches: Iterable[Iterable[StructureLike]], asked: Batches) -> Iterator[Chunk]:
    for batch in batches:
        yield from asked.enter(Structures.of(batch))
    yield from asked.rest()
