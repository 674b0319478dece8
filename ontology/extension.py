"""A user's own concepts: the file ``concepts.csv`` beside their partners, checked and given ids."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from haemony.engine.errors import Problem, VocabularyError
from haemony.ontology.concept import FIRST_USER_ID, GENE_ALTERATION, Concept, closure, grouped
from haemony.ontology.schema import read_schema

if TYPE_CHECKING:
    from haemony.ontology.vocabulary import Vocabulary

COLUMNS = ("id", "name", "class", "parents", "synonyms", "note", "concept_id")
#: Values of ``class`` in a concept file that are no record classes.
OTHER_CLASSES = frozenset({"", "Gene", "Unit"})
#: OMOP domain of the concepts whose records stand in a table.
DOMAINS = {
    "condition_occurrence": "Condition",
    "drug_exposure": "Drug",
    "measurement": "Measurement",
    "specimen": "Specimen",
}


def assign_ids(path: Path | str) -> dict[str, int]:
    """Write an id into each row of a user's concept file that has none; return CURIE → id.

    An id is given once: rows that have one keep it, and a removed row's id below the highest is not given again.
    """
    path = Path(path)
    rows = read_user_file(path)
    ids = _ids(rows)
    if any(not row["concept_id"] for row in rows):
        header = list(dict.fromkeys([*rows[0], "concept_id"]))
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, header, lineterminator="\n")
            writer.writeheader()
            for row, concept_id in zip(rows, ids, strict=True):
                writer.writerow({**row, "concept_id": concept_id})
        os.replace(temporary, path)
    return {row["id"]: int(concept_id) for row, concept_id in zip(rows, ids, strict=True) if concept_id.isdecimal()}


def _ids(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the id of each row; a concept of OMOP that the vocabulary lacks keeps OMOP's."""
    taken = [int(row["concept_id"]) for row in rows if row["concept_id"].isdecimal()]
    following = max([FIRST_USER_ID - 1, *taken])
    ids = []
    for row in rows:
        concept_id = row["concept_id"] or _omop_id(row["id"])
        if not concept_id:
            following += 1
        ids.append(concept_id or str(following))
    return ids


def _omop_id(curie: str) -> str:
    prefix, _, local = curie.partition(":")
    return local if prefix == "OMOP" and local.isdecimal() else ""


def read_user_file(path: Path) -> list[dict[str, str]]:
    """Read the rows of a concept file as text; raise ``VocabularyError`` where it cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = [(name or "").strip() for name in reader.fieldnames or []]
            missing = [c for c in ("id", "name", "class") if c not in header]
            if missing:
                names = ", ".join(missing)
                raise VocabularyError(
                    [Problem(path.name, 1, "", f"column {names} is missing.", f"Columns are {', '.join(COLUMNS)}.")]
                )
            rows = [{(k or "").strip(): (v or "").strip() for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VocabularyError(
            [Problem(path.name, None, "", f"cannot be read: {error}.", "Save it as UTF-8 CSV.")]
        ) from error
    return [{**dict.fromkeys(COLUMNS, ""), **row} for row in rows]


@dataclass
class Extension:
    """Reads the rows of one concept file against a vocabulary, and gathers every fault."""

    base: Vocabulary
    file: str
    rows: list[dict[str, str]]

    def read(self) -> Extension:
        """Read all rows, or raise ``VocabularyError`` with all their faults."""
        self.concepts: list[Concept] = []
        self.synonyms: list[tuple[int, str]] = []
        self.relationships: list[tuple[int, int, str]] = []
        self.problems: list[Problem] = []
        self.known = {c.name for c in read_schema().classes if c.is_record} | OTHER_CLASSES
        self.ids: dict[str, int] = {}
        for number, (row, concept_id) in enumerate(zip(self.rows, _ids(self.rows), strict=True), start=2):
            self._identify(number, row, concept_id)
        self.classes = {row["id"]: row["class"] for row in self.rows}
        for number, row in enumerate(self.rows, start=2):
            self._add(number, row)
        self._refuse_cycles()
        if self.problems:
            raise VocabularyError(self.problems)
        return self

    def _fault(self, number: int, column: str, message: str, advice: str = "") -> None:
        self.problems.append(Problem(self.file, number, column, message, advice))

    def _identify(self, number: int, row: dict[str, str], concept_id: str) -> None:
        curie = row["id"]
        if not re.fullmatch(r"[A-Za-z][\w.-]*:[^\s|]+", curie):
            self._fault(number, "id", f"{curie!r} is no CURIE.", "Write prefix:name, such as amlsg:bulky.")
        elif curie in self.ids or self.base.resolve(curie):
            self._fault(number, "id", f"{curie} is there already.", "Each concept is named once.")
        fits = concept_id.isdecimal() and int(concept_id) >= FIRST_USER_ID
        if not fits and (not concept_id or concept_id != _omop_id(curie)):
            self._fault(number, "concept_id", f"{concept_id!r} is no id of an own concept.", "Leave it empty.")
        elif int(concept_id) in self.base or int(concept_id) in self.ids.values():
            self._fault(number, "concept_id", f"{concept_id} is given twice.", "Empty the cell of the newer row.")
        else:
            self.ids.setdefault(curie, int(concept_id))

    def _add(self, number: int, row: dict[str, str]) -> None:
        if not row["name"]:
            self._fault(number, "name", "is empty.", "Name the concept.")
        if row["class"] not in self.known:
            self._fault(
                number, "class", f"no class {row['class']!r}.", f"Classes: {', '.join(sorted(self.known - {''}))}."
            )
            return
        if row["id"] not in self.ids:
            return
        own = self.ids[row["id"]]
        self._link(number, row, own)
        prefix, _, local = row["id"].partition(":")
        self.concepts.append(
            Concept(
                id=own,
                name=row["name"],
                domain=_domain(row["class"]),
                vocabulary=prefix,
                concept_class=row["class"] or "Value",
                standard="",
                code=row["id"] if prefix == "HGNC" else local,
                record_class=row["class"],
                source=self.file,
            )
        )
        self.synonyms += [(own, s.strip()) for s in row["synonyms"].split("|") if s.strip()]

    def _link(self, number: int, row: dict[str, str], own: int) -> None:
        """Relate a concept to its parents; a gene as parent of an alteration is the gene that it concerns."""
        for parent in (p.strip() for p in row["parents"].split("|")):
            if not parent:
                continue
            found = self.base.resolve(parent)
            target = found.id if found else self.ids.get(parent)
            if target is None:
                self._fault(
                    number, "parents", f"no concept {parent}.", "Name a concept of the vocabulary or of this file."
                )
                continue
            parent_class = found.record_class if found else self.classes[parent]
            if parent_class == "Gene" and row["class"] == "Mutation":
                alteration = self.base.as_record(target, "Mutation") if found else target
                self.relationships.append((own, target, "Has gene"))
                self.relationships.append((own, GENE_ALTERATION if alteration == target else alteration, "Is a"))
            else:
                self.relationships.append((own, target, "Is a"))

    def _refuse_cycles(self) -> None:
        up = grouped((a, b) for a, b, name in self.relationships if name == "Is a")
        for number, row in enumerate(self.rows, start=2):
            own = self.ids.get(row["id"], -1)
            if any(own in closure(parent, up) for parent in up.get(own, ())):
                self._fault(number, "parents", f"{row['id']} is its own ancestor.", "Remove one of the parents.")


def _domain(record_class: str) -> str:
    if record_class in OTHER_CLASSES:
        return "Unit" if record_class == "Unit" else "Observation"
    return DOMAINS.get(read_schema()[record_class].omop_table, "Observation")
