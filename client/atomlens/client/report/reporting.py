"""Reporting: asks models about the atoms of a structure and about the space around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atomlens.client.card import Card
from atomlens.client.elements import SYMBOLS
from atomlens.client.errors import AtomLensError, InputError
from atomlens.client.explanation import Explanation, combine
from atomlens.client.inputs import read_one
from atomlens.client.report.contents import Report
from atomlens.client.report.element_means import of_card
from atomlens.client.report.surface import Surface, SurfaceLike
from atomlens.client.report.surface_map import SurfaceMap, probe_mesh
from atomlens.client.report.triangulation import SPACING_ANGSTROM, Mesh, mesh
from atomlens.client.selection import DEFAULT_MODELS, Models, names_of
from atomlens.client.structure import Structure, StructureLike

if TYPE_CHECKING:
    from atomlens.client.client import Client

DISTANCES = (1.6, 2.0, 2.5)  # Å, of the surfaces of a report that names none
FEW_ELEMENTS = 6  # probes of a report that names none
COMMON = ("H", "C", "N", "O")
VERTICES = 15_000  # of a surface in a page at most: more would not turn smoothly
SURFACE_BYTES = 2_200_000  # that all surfaces in a page should have
MOST_BYTES = 2_700_000  # that they may have, if they cannot be coarser
VERTEX_BYTES, VALUE_BYTES = 24, 4  # with its share of the faces, and of each field
MANY_ATOMS = 1_000  # from which a mesh is coarse from the beginning
COARSER = 1.05  # than vertices in the square of the spacing let expect


def report(
    client: Client,
    structure: StructureLike | str | Path,
    model: Models | None = None,
    elements: str | Sequence[str] | None = None,
    surfaces: Sequence[SurfaceLike] | None = None,
) -> Report:
    """Return a report of one structure: its atoms, and surfaces around it for each kind of probe.

    A model that refuses the structure is left out with its reason, unless all do. Surfaces for which a
    crystal has no room are left out too, unless they were named.

    Args:
        client: who asks.
        structure: one molecule or crystal.
        model: one or more models without a head in common; None for those of energy and charge, or for the
            first that takes the structure.
        elements: symbols of the probes; None for all that the models know if they are few.
        surfaces: ``distance:D``, ``inverse-power:P:C`` or `Surface`; None for 1.6, 2.0 and 2.5 Å.
    """
    one = read_one(structure)
    cards = _cards(client, one, model)
    explanations, refusals = _explain(client, one, cards)
    answering = [card for card in cards if str(card.status) not in refusals]
    probes = _probes(one, answering, elements)
    named = None if surfaces is None else [Surface.of(surface) for surface in surfaces]
    fields = len(probes) * sum(len(card.status.heads) for card in answering)
    found, left_out = _meshes(one, named, fields)
    maps, silent = _probe_all(client, one, answering, probes, found)
    refused = [f"{name} has no part in this: {error}" for name, error in refusals.items()]
    return Report(
        one,
        combine(explanations),
        tuple(maps),
        means=tuple(mean for card in answering for mean in of_card(card)),
        notes=(*refused, *silent, *left_out),
    )


def _cards(client: Client, structure: Structure, model: Models | None) -> list[Card]:
    """Return the cards of the models to ask: those named, else the usual ones, else one that fits."""
    if model is not None:
        return [client.model(name) for name in names_of(model)]
    served = [status for status in client.models() if status.ready and status.is_default]
    usual = [client.model(name) for name in DEFAULT_MODELS if name in {status.name for status in served}]
    if any(card.takes(structure) for card in usual):
        return [card for card in usual if card.takes(structure)]
    others = (client.model(str(status)) for status in served if status.name not in DEFAULT_MODELS)
    fitting = next((card for card in others if card.takes(structure)), None)
    return [client.model(name) for name in DEFAULT_MODELS] if fitting is None else [fitting]


def _explain(
    client: Client, structure: Structure, cards: Sequence[Card]
) -> tuple[list[Explanation], dict[str, InputError]]:
    """Return what models say of the atoms, and why others refuse; raises if all do."""
    explanations, refusals = [], {}
    for card in cards:
        try:
            explanations.append(client.explain(structure, str(card.status)))
        except InputError as error:
            refusals[str(card.status)] = error
    if not explanations:
        raise next(iter(refusals.values()))
    return explanations, refusals


def _probes(
    structure: Structure, cards: Sequence[Card], elements: str | Sequence[str] | None
) -> Sequence[str]:
    """Return the probes asked for, else those that all models know: all of few, else the common ones."""
    if elements is not None:
        return [elements] if isinstance(elements, str) else elements
    known = [symbol for symbol in SYMBOLS if all(symbol in card.status.elements for card in cards)]
    if len(known) <= FEW_ELEMENTS:
        return known
    wanted = dict.fromkeys([*structure.symbols, *COMMON])
    return [symbol for symbol in wanted if symbol in known][:FEW_ELEMENTS]


def _meshes(
    structure: Structure, named: Sequence[Surface] | None, fields: int
) -> tuple[list[tuple[Surface, Mesh]], list[str]]:
    """Return surfaces as meshes, and what is said of those that have no room in the cell or in the page."""
    surfaces = list(map(Surface, DISTANCES)) if named is None else named
    bytes_each = VERTEX_BYTES + VALUE_BYTES * fields
    vertices = SURFACE_BYTES // (len(surfaces) * bytes_each)
    found, left_out = [], []
    for surface in surfaces:
        try:
            found.append((surface, fitting_mesh(structure, surface, vertices)))
        except InputError as error:
            if named is not None or error.reason != "NO_SURFACE":
                raise
            left_out.append(f"There is no surface at {surface}: atoms fill the cell.")
    while sum(len(points) for _, points in found) * bytes_each > MOST_BYTES:
        surface, points = found.pop(max(range(len(found)), key=lambda place: len(found[place][1])))
        said = f"has {len(points):,} points, more than a page can hold; `atomlens probe` writes it"
        if named is not None:
            raise InputError(f"`surface` must be smaller: {surface} {said}", field="surface")
        left_out.append(f"There is no surface here at {surface}: it {said}.")
    return found, left_out


def _probe_all(
    client: Client,
    structure: Structure,
    cards: Sequence[Card],
    probes: Sequence[str],
    meshes: Sequence[tuple[Surface, Mesh]],
) -> tuple[list[SurfaceMap], list[str]]:
    """Return what each model says on each surface, and which models know nothing of probes."""
    maps, silent = [], {}
    for surface, found in meshes:
        for name in (str(card.status) for card in cards if str(card.status) not in silent):
            try:
                maps.append(probe_mesh(client, structure, probes, surface, found, name))
            except AtomLensError as error:
                if error.reason != "NO_PROBE":
                    raise
                silent[name] = f"{name} says nothing of the space around: {error}"
    return maps, list(silent.values())


def fitting_mesh(structure: Structure, surface: Surface, vertices: int = VERTICES) -> Mesh:
    """Return a mesh with no more vertices than a page should hold, or as coarse as a mesh can be."""
    wanted, coarsest = min(vertices, VERTICES), surface.distance_angstrom / 2
    spacing = coarsest / 2 if len(structure) > MANY_ATOMS else min(SPACING_ANGSTROM, coarsest / 2)
    while True:
        try:
            found = mesh(structure, surface, spacing)
            if len(found) <= wanted or spacing >= coarsest:
                return found
            factor = COARSER * math.sqrt(len(found) / wanted)
        except InputError as error:
            if error.field != "spacing" or spacing >= coarsest:
                raise
            factor = 2.0
        spacing = min(coarsest, factor * spacing)
