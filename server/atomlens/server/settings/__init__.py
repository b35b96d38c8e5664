"""Settings of the server, one class for each concern; names are flat, and the same in flags and variables."""

from atomlens.server.settings.leaving import LeavingSettings
from atomlens.server.settings.listening import DEFAULT_ADDRESS, ListeningSettings
from atomlens.server.settings.models import ModelsSettings
from atomlens.server.settings.probing import ProbingSettings
from atomlens.server.settings.queueing import QueueingSettings
from atomlens.server.settings.security import SecuritySettings
from atomlens.server.settings.server import PREFIX, ServerSettings, misspelled
from atomlens.server.settings.telemetry import TelemetrySettings

__all__ = [
    "DEFAULT_ADDRESS",
    "PREFIX",
    "LeavingSettings",
    "ListeningSettings",
    "ModelsSettings",
    "ProbingSettings",
    "QueueingSettings",
    "SecuritySettings",
    "ServerSettings",
    "TelemetrySettings",
    "misspelled",
]
