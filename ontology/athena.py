"""A user's own download of the OMOP vocabularies (Athena), kept as Parquet and asked for what a mapping names.

It may hold millions of concepts, so it is never read whole: a mapping's CURIEs are looked up, and what is found joins
the built-in :class:`~haemony.ontology.vocabulary.Vocabulary` with all its ancestors. It is DuckDB's on every engine: a
vocabulary is looked up on one machine, and no plan over patients reads these files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb

from haemony.engine.errors import Problem, VocabularyError
from haemony.engine.sql import quoted
from haemony.ontology.concept import PREFIXES, Concept

T = TypeVar("T")

#: The tables that are read, the columns that each must have, and the order in which it is kept.
#: OMOP CDM 5.4, standardised vocabularies: https://ohdsi.github.io/CommonDataModel/cdm54.html
COLUMNS: Final = {
    "CONCEPT": (
        "concept_id", "concept_name", "domain_id", "vocabulary_id", "concept_class_id", "standard_concept",
        "concept_code", "valid_start_date", "valid_end_date", "invalid_reason",
    ),
    "CONCEPT_SYNONYM": ("concept_id", "concept_synonym_name", "language_concept_id"),
    "CONCEPT_RELATIONSHIP": (
        "concept_id_1", "concept_id_2", "relationship_id", "valid_start_date", "valid_end_date", "invalid_reason",
    ),
    "CONCEPT_ANCESTOR": (
        "ancestor_concept_id", "descendant_concept_id", "min_levels_of_separation", "max_levels_of_separation",
    ),
    "VOCABULARY": ("vocabulary_id", "vocabulary_name", "vocabulary_reference", "vocabulary_version"),
}  # fmt: skip
#: Record classes of OMOP domains that hold one class only; in others the dictionary row says `record`.
DOMAIN_CLASSES: Final = {"Condition": "Diagnosis", "Drug": "Treatment", "Unit": "Unit"}
#: The vocabulary in whose row Athena states the release of the whole download.
RELEASE: Final = "None"
#: What the source of an imported concept begins with.
ATHENA: Final = "Athena "
#: Memory of DuckDB while it sorts and writes; what is larger spills to disk.
MEMORY: Final = "1GB"
#: Names that are ranked after a search has found them.
CANDIDATES: Final = 2000
#: Ids in one query.
BATCH: Final = 10_000


@dataclass(frozen=True)
class Found:
    """Concepts of a download with what joins them to others: the arguments of a ``Vocabulary``."""

    concepts: tuple[Concept, ...]
    synonyms: tuple[tuple[int, str], ...]
    relationships: tuple[tuple[int, int, str], ...]
    inferred: tuple[tuple[int, int], ...]


class Athena:
    """Looks up concepts in an imported download."""

    def __init__(self, folder: Path) -> None:
        """Open the Parquet files of :func:`import_athena`; raise ``VocabularyError`` where there are none."""
        if not (folder / "concept.parquet").is_file():
            advice = "Import a download of Athena: haemony vocabulary import FOLDER."
            raise VocabularyError([Problem(str(folder), None, "", "no vocabulary was imported here.", advice)])
        self._connection = duckdb.connect()
        self._connection.execute(f"SET memory_limit = {quoted(MEMORY)}")
        for table, columns in COLUMNS.items():
            path = folder / f"{table.lower()}.parquet"
            empty = ", ".join(f"NULL::{type_of(c)} AS {c}" for c in columns)
            rows = quoted(str(path)) if path.is_file() else f"(SELECT {empty} LIMIT 0)"
            self._connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {rows}")

    def _all(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, list(values)).fetchall()

    @cached_property
    def release(self) -> str:
        """Return the release that the download states, such as ``v5.0 30-AUG-24``."""
        found = self._all("SELECT vocabulary_version FROM VOCABULARY WHERE vocabulary_id = $1", RELEASE)
        return str(found[0][0]) if found and found[0][0] else "release unknown"

    def vocabularies(self) -> dict[str, int]:
        """Return the vocabularies of the download, with how many concepts each has."""
        return dict(self._all("SELECT vocabulary_id, count(*) FROM CONCEPT GROUP BY 1 ORDER BY 1"))

    def __contains__(self, concept_id: object) -> bool:
        return bool(self._all("SELECT 1 FROM CONCEPT WHERE concept_id = $1", concept_id))

    def ids(self, curies: Iterable[str]) -> set[int]:
        """Return the ids of the concepts that CURIEs name: ``OMOP:4144157``, or a vocabulary and a code."""
        split = [curie.partition(":") for curie in curies]
        numbers = [int(code) for prefix, _, code in split if prefix == "OMOP" and code.isdecimal() and len(code) < 19]
        coded = [(vocabulary_id(prefix), code) for prefix, _, code in split if prefix != "OMOP" and code]
        found = self._ids_among(numbers)
        for batch in _batches(coded):
            found |= {
                i
                for (i,) in self._all(
                    "SELECT concept_id FROM CONCEPT JOIN (SELECT unnest($1) AS v, unnest($2) AS c) "
                    "ON replace(vocabulary_id, ' ', '_') = v AND concept_code = c",
                    [v for v, _ in batch],
                    [c for _, c in batch],
                )
            }
        return found

    def _ids_among(self, numbers: Sequence[int]) -> set[int]:
        found: set[int] = set()
        for batch in _batches(numbers):
            found |= {
                i for (i,) in self._all("SELECT concept_id FROM CONCEPT WHERE concept_id IN (SELECT unnest($1))", batch)
            }
        return found

    def of_vocabularies(self, names: Iterable[str]) -> set[int]:
        """Return the ids of whole vocabularies, for columns that deliver their codes; unknown names have none."""
        found = self._all("SELECT concept_id FROM CONCEPT WHERE vocabulary_id IN (SELECT unnest($1))", sorted(names))
        return {i for (i,) in found}

    def find(self, ids: Iterable[int]) -> Found:
        """Return concepts by id, with what they map to or were replaced by, and all ancestors of these."""
        wanted = self._with_targets(set(ids))
        inferred: set[tuple[int, int]] = set()
        for batch in _batches(sorted(wanted)):
            inferred |= set(
                self._all(
                    "SELECT descendant_concept_id, ancestor_concept_id FROM CONCEPT_ANCESTOR "
                    "WHERE descendant_concept_id IN (SELECT unnest($1)) "
                    "AND ancestor_concept_id <> descendant_concept_id",
                    batch,
                )
            )
        everything = self._upwards(wanted | {ancestor for _, ancestor in inferred})
        concepts = tuple(c for batch in _batches(sorted(everything)) for c in self.concepts(batch))
        known = {c.id for c in concepts}
        relationships = [r for batch in _batches(sorted(known)) for r in self._relationships(batch)]
        return Found(
            concepts,
            tuple(s for batch in _batches(sorted(wanted & known)) for s in self._synonyms(batch)),
            tuple(relationships),
            tuple(sorted(inferred)),
        )

    def _with_targets(self, ids: set[int]) -> set[int]:
        found = set(ids)
        for batch in _batches(sorted(ids)):
            found |= {b for _, b, name in self._relationships(batch) if name != "Is a"}
        return found

    def _upwards(self, ids: set[int]) -> set[int]:
        """Follow `Is a` to the top, for downloads that come without their ancestor table."""
        seen, following = set(ids), ids
        while following:
            rows = [r for batch in _batches(sorted(following)) for r in self._relationships(batch)]
            following = {b for _, b, name in rows if name == "Is a"} - seen
            seen |= following
        return seen

    def concepts(self, ids: Sequence[int]) -> list[Concept]:
        """Return concepts by id, those that are there."""
        columns = ", ".join(name for name in COLUMNS["CONCEPT"] if not name.endswith("_date"))
        rows = self._all(f"SELECT {columns} FROM CONCEPT WHERE concept_id IN (SELECT unnest($1)) ORDER BY 1", ids)
        return [_concept(row, self.release) for row in rows]

    def _relationships(self, ids: Sequence[int]) -> list[tuple[int, int, str]]:
        rows = self._all(
            "SELECT concept_id_1, concept_id_2, relationship_id FROM CONCEPT_RELATIONSHIP "
            "WHERE concept_id_1 IN (SELECT unnest($1)) AND concept_id_1 <> concept_id_2 ORDER BY ALL",
            ids,
        )
        return [(a, b, name) for a, b, name in rows]

    def _synonyms(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        rows = self._all(
            "SELECT DISTINCT concept_id, concept_synonym_name FROM CONCEPT_SYNONYM "
            "WHERE concept_id IN (SELECT unnest($1)) ORDER BY ALL",
            ids,
        )
        return [(i, name) for i, name in rows]

    def names(self, text: str) -> list[tuple[int, str]]:
        """Return (concept, name) of the valid concepts whose names share words with a text, the likeliest first.

        A concept that is no longer valid is not found: a search that offers one has sent road accidents to the kidney
        (https://github.com/OHDSI/Usagi/issues/30).
        """
        words = [word for word in text.lower().split() if word] or [text.lower()]
        return [
            (i, name)
            for i, name in self._all(
                "WITH named AS ("
                "  SELECT concept_id, concept_name AS name FROM CONCEPT WHERE invalid_reason = ''"
                "  UNION ALL SELECT concept_id, concept_code FROM CONCEPT WHERE invalid_reason = ''"
                "  UNION ALL SELECT concept_id, concept_synonym_name FROM CONCEPT_SYNONYM"
                "    SEMI JOIN (SELECT concept_id FROM CONCEPT WHERE invalid_reason = '') USING (concept_id)"
                "), hits AS ("
                "  SELECT *, list_sum(list_transform($1, word -> contains(lower(name), word)::INTEGER)) AS hits"
                "  FROM named"
                ") SELECT concept_id, name FROM hits WHERE hits > 0 "
                f"ORDER BY hits DESC, length(name), concept_id LIMIT {CANDIDATES}",
                words,
            )
        ]


def type_of(column: str) -> str:
    """Return the type in which a column is kept: OMOP's names tell ids and dates, but some ids are words."""
    if column.endswith("_date"):
        return "DATE"
    if column.endswith(("_id", "_id_1", "_id_2", "_separation")) and column not in _WORDS:
        return "BIGINT"
    return "VARCHAR"


#: Columns that end as ids do and hold words.
_WORDS: Final = frozenset({"domain_id", "vocabulary_id", "concept_class_id", "relationship_id"})


def vocabulary_id(prefix: str) -> str:
    """Return the OMOP vocabulary of a CURIE prefix; a blank of its name is an underscore in the prefix."""
    return {prefix: name for name, prefix in PREFIXES.items()}.get(prefix, prefix)


def _concept(row: tuple[Any, ...], release: str) -> Concept:
    number, name, domain, vocabulary, concept_class, standard, code, invalid = row
    return Concept(
        id=number, name=name, domain=domain, vocabulary=vocabulary, concept_class=concept_class, standard=standard,
        code=code, record_class=DOMAIN_CLASSES.get(domain, ""), source=f"{ATHENA}{release}", invalid_reason=invalid,
    )  # fmt: skip


def _batches(values: Sequence[T]) -> Iterator[list[T]]:
    for start in range(0, len(values), BATCH):
        yield list(values[start : start + BATCH])
