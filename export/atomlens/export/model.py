"""Model: a network and its head, built from settings and kept with them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from atomlens.export.bpnn import BPNN, BPNNSettings
from atomlens.export.heads import Head, HeadSettings, build_head
from atomlens.export.neighborhood import Neighborhood
from atomlens.export.network import Network
from atomlens.export.schnet import SchNet, SchNetSettings

SETTINGS = {"schnet": SchNetSettings, "bpnn": BPNNSettings}
NETWORKS = {"schnet": SchNet, "bpnn": BPNN}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A family, its network's settings and its head's."""

    family: str
    network: SchNetSettings | BPNNSettings
    head: HeadSettings

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that a checkpoint can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> ModelSettings:
        """Return the settings that `to_dict` wrote."""
        network = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain["network"].items()
        }
        return cls(plain["family"], SETTINGS[plain["family"]](**network), HeadSettings(**plain["head"]))


class Model(nn.Module):
    """A network whose output per atom becomes a contribution with a unit."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.network: Network = NETWORKS[settings.family](settings.network)
        self.head: Head = build_head(settings.head)

    def forward(self, numbers: Tensor, prepared: Any) -> tuple[Tensor, Tensor | None]:
        """Return contributions (atoms,) in the head's unit, and the context."""
        values, context = self.network(numbers, prepared)
        return self.head(values), context

    def probe(self, elements: Tensor, neighborhood: Neighborhood, carried: Tensor) -> Tensor:
        """Return Ω: (elements, points) in the head's unit, for arguments as of `Network.probe`."""
        values: Tensor = self.head(self.network.probe(elements, neighborhood, carried))
        return values
