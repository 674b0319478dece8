"""What can go wrong, as one small tree.

HaemonyError
├── MappingError       a partner's three files are at fault
├── DeliveryError      a delivered file's structure is at fault
├── VocabularyError    a vocabulary or concept file is at fault
├── ShapeError         a file of shapes is at fault
├── EngineError        the engine that plans run on is missing or cannot start
├── BuildError         a build cannot go on
└── QueryError         a query or its parameters are at fault
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where it stands, what it is, what to do about it."""

    file: str
    row: int | None
    column: str
    message: str
    advice: str = ""
    concept: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.row, self.column) if part not in (None, ""))
        advice = f" {self.advice}" if self.advice else ""
        return f"{place}: {self.message}{advice}" if place else f"{self.message}{advice}"


class HaemonyError(Exception):
    """Carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = [Problem("", None, "", problems)]
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class MappingError(HaemonyError):
    """A partner's ``partner.yaml``, ``dictionary.tsv`` or ``concepts.sssom.tsv`` is at fault."""


class DeliveryError(HaemonyError):
    """A delivered file is missing, or its structure is not what the mapping says."""


class VocabularyError(HaemonyError):
    """A vocabulary file, a concept or a unit is at fault."""


class ShapeError(HaemonyError):
    """A file of SHACL shapes cannot be read, or holds what cannot be honoured."""


class EngineError(HaemonyError):
    """The engine that plans are to run on is not installed, or cannot start."""


class BuildError(HaemonyError):
    """A build cannot go on, or there is none yet."""


class QueryError(HaemonyError):
    """A query, its name or its parameters are at fault."""
