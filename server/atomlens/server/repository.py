"""Repository: the models of a directory, those that are served and those that could not be loaded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from atomlens.server.errors import BundleError, EngineError, UnknownModelError, UnusableModelError
from atomlens.server.model import Model
from atomlens.server.session import check_provider

BUNDLED = Path(__file__).parent / "models"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
VERSION = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class FailedModel:
    """A version that could not be loaded, and why."""

    name: str
    version: int
    reason: str


class Repository:
    """Models by name and version. Nothing a caller names ever touches the disk."""

    def __init__(self, models: Sequence[Model], failed: Sequence[FailedModel] = ()) -> None:
        self.models = tuple(sorted(models, key=lambda model: (model.name, model.version)))
        self.failed = tuple(sorted(failed, key=lambda model: (model.name, model.version)))
        self._served = {(model.name, model.version): model for model in self.models}

    @classmethod
    def open(cls, path: Path | None = None, provider: str = "cpu") -> Repository:
        """Load every MODEL/VERSION of a directory; the bundled models for None.

        A version that cannot be loaded is reported in `failed`, the others serve.

        Raises:
            BundleError: the directory cannot be read.
            ProviderError: the provider is not to be had.
        """
        check_provider(provider)
        models: list[Model] = []
        failed: list[FailedModel] = []
        for directory in _versions(path or BUNDLED):
            try:
                models.append(Model.load(directory, provider))
            except (BundleError, EngineError) as error:
                failed.append(FailedModel(directory.parent.name, int(directory.name), str(error)))
        return cls(models, failed)

    def find(self, name: str, digest: str = "") -> Model:
        """Return the model called MODEL, in its highest version, or MODEL@VERSION.

        Raises:
            UnknownModelError: there is none.
            UnusableModelError: it could not be loaded, or its digest is another.
        """
        model = self._find(name)
        if digest and digest != model.digest:
            raise UnusableModelError(
                f"{model.name}@{model.version} has digest {model.digest}, not {digest}",
                "DIGEST_MISMATCH",
                "model",
            )
        return model

    def is_default(self, model: Model) -> bool:
        """Return whether the model's name alone means this version."""
        return self._find(model.name) is model

    def _find(self, name: str) -> Model:
        plain, at, version = name.partition("@")
        served = [number for known, number in self._served if known == plain]
        if not at and served:
            return self._served[plain, max(served)]
        number = int(version) if VERSION.fullmatch(version) else 0
        if (plain, number) in self._served:
            return self._served[plain, number]
        for failed in self.failed:
            if failed.name == plain and (not at or number == failed.version):
                raise UnusableModelError(
                    f"{plain}@{failed.version} could not be loaded: {failed.reason}", "MODEL_FAILED", "model"
                )
        known = ", ".join(f"{model.name}@{model.version}" for model in self.models) or "none"
        raise UnknownModelError(f"`model` {name!r} is unknown; there are {known}", field="model")


def _versions(path: Path) -> list[Path]:
    """Return the version directories of a repository."""
    try:
        return sorted(
            version
            for model in path.iterdir()
            if model.is_dir() and NAME.fullmatch(model.name)
            for version in model.iterdir()
            if version.is_dir() and VERSION.fullmatch(version.name)
        )
    except OSError as error:
        raise BundleError(f"{path}: is no model repository: {error.strerror}") from error
