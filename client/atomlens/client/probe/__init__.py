"""Probe: what a model says of a probe atom that is carried through space, Ω_A(r)."""

from atomlens.client.probe.grid import Grid
from atomlens.client.probe.minima import Minimum
from atomlens.client.probe.probe_field import ProbeField
from atomlens.client.probe.probe_map import ProbeMap
from atomlens.client.probe.slab import Slab
from atomlens.client.probe.value_range import ValueRange

__all__ = ["Grid", "Minimum", "ProbeField", "ProbeMap", "Slab", "ValueRange"]
