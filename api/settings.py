"""Settings, from ``HAEMONY_*`` variables or the command line: where builds, secret and a user's own mappings are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from haemony.api.faults import PRIVACY
from haemony.engine.errors import BuildError, HaemonyError, Problem
from haemony.engine.session import Engine
from haemony.graph_loader.ledger import TOLERATED
from haemony.ontology.athena import Athena

PREFIX = "HAEMONY_"


def default_secret_file() -> Path:
    """Return where the secret is kept unless settings say otherwise: the user's own configuration folder."""
    return Path(typer.get_app_dir("haemony")) / "secret"


class Settings(BaseSettings):
    """What a user may set; the variable of each is its name in capitals after ``HAEMONY_``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    build: Path = Field(Path(".haemony"), description="the build folder")
    mappings: Path | None = Field(None, description="your own partners, concepts and shapes")
    secret_file: Path = Field(default_factory=default_secret_file, description="the secret that makes pseudonyms")
    vocabulary: Path | None = Field(None, description="the imported vocabulary (default: beside the builds)")
    tolerate: float = Field(TOLERATED, ge=0, le=1, description="share of a column that may be quarantined")
    privacy: int = Field(PRIVACY, ge=2, description="counts below it are masked in what is shared")
    processes: int = Field(2, ge=1, description="processes that validate")
    memory: str | None = Field(None, description="memory that the engine may take, such as 4GB")
    engine: Engine = Field("duckdb", description="the engine that builds: duckdb or spark")
    spark_master: str | None = Field(None, description="where Spark runs, such as local[4] or spark://host:7077")

    def athena_folder(self) -> Path:
        """Return where an imported vocabulary is kept."""
        return self.vocabulary or self.build / "vocabulary"

    def athena(self) -> Athena | None:
        """Open the imported vocabulary; None where none was imported and none is named."""
        folder = self.athena_folder()
        return Athena(folder) if self.vocabulary or folder.is_dir() else None

    def checked_secret_file(self) -> Path:
        """Return the file of the secret; raise ``BuildError`` where it lies in the build folder.

        A build folder is copied, shared and backed up; with the secret in it, pseudonyms could be linked to keys.
        """
        build = self.build.resolve()
        if build == self.secret_file.resolve() or build in self.secret_file.resolve().parents:
            raise BuildError(
                f"the secret file {self.secret_file} lies in the build folder {self.build}. "
                f"Keep it elsewhere: set {PREFIX}SECRET_FILE."
            )
        return self.secret_file


def read_settings(**given: Any) -> Settings:
    """Read the settings; what is given and not None goes before the environment.

    >>> read_settings(build=Path("builds")).build.name
    'builds'
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise HaemonyError([_problem(fault) for fault in error.errors()]) from None


def _problem(fault: Any) -> Problem:
    name = ".".join(str(part) for part in fault["loc"])
    return Problem("settings", None, f"{PREFIX}{name.upper()}", f"{fault['msg']}.", f"It is {fault['input']!r}.")
