"""Read ``concepts.sssom.tsv`` (SSSOM 1.1): what variables and values mean, and which rows load.

https://mapping-commons.github.io/sssom/spec-formats-tsv/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from haemony.engine.errors import Problem
from haemony.mappings.curie import canonical, is_curie, nearest, split_subject, subject_id
from haemony.mappings.dictionary import Line, read_text, read_tsv
from haemony.mappings.model import CONCEPTS, ConceptRow, LoadsAs, Status
from haemony.ontology.units import is_ucum

if TYPE_CHECKING:
    from haemony.ontology.vocabulary import Vocabulary

#: Slots of a mapping in SSSOM 1.1.
SLOTS = tuple(
    """record_id subject_id subject_label subject_category predicate_id predicate_label predicate_modifier object_id
    object_label object_category mapping_justification author_id author_label reviewer_id reviewer_label creator_id
    creator_label license subject_type subject_source subject_source_version object_type object_source
    object_source_version predicate_type mapping_provider mapping_source mapping_cardinality cardinality_scope
    mapping_tool mapping_tool_id mapping_tool_version mapping_date publication_date review_date confidence curation_rule
    curation_rule_text subject_match_field object_match_field match_string subject_preprocessing object_preprocessing
    similarity_score similarity_measure see_also issue_tracker_item other comment""".split()
)
#: Prefixes whose meaning SSSOM fixes.
BUILT_IN = {
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "semapv": "https://w3id.org/semapv/vocab/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "sssom": "https://w3id.org/sssom/",
}
NO_TERM, LITERAL = "sssom:NoTermFound", "rdfs literal"
MANUAL = "semapv:ManualMappingCuration"
#: What a person decided; every other justification is a machine's, and loads only once reviewed.
CURATED = frozenset({MANUAL, "semapv:MappingReview"})
LOADING: dict[str, LoadsAs] = {
    "skos:exactMatch": "concept",
    "skos:broadMatch": "broad",
    "haemony:mapsToValue": "value",
    "haemony:mapsToUnit": "unit",
}
#: Predicates that SSSOM knows and that load nothing.
IDLE = frozenset(
    """skos:closeMatch skos:narrowMatch skos:relatedMatch skos:mappingRelation owl:sameAs owl:equivalentClass
    owl:equivalentProperty rdfs:subClassOf rdfs:subPropertyOf rdfs:seeAlso rdf:type oboInOwl:hasDbXref
    sssom:superClassOf sssom:superPropertyOf""".split()
)
CURIES = ("predicate_id", "mapping_justification", "object_id", "subject_id")
DATES = ("mapping_date", "review_date", "publication_date")
OWN_SPACE = frozenset({*BUILT_IN, "haemony"})
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")


@dataclass(frozen=True)
class MappingSet:
    """An SSSOM file: its metadata and its rows, not yet tied to a partner."""

    metadata: dict[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()


def read_sssom(
    path: Path, problems: list[Problem], warnings: list[Problem], *, file: str = "", strict: bool = False
) -> MappingSet:
    """Read any SSSOM/TSV file, noting what breaks the standard.

    Rows without their last cells occur in the standard's own examples; only `strict` refuses them.
    """
    file = file or path.name
    text = read_text(path, file, problems)
    if text is None:
        return MappingSet()
    comment, body, first = _split_header(text)
    metadata = _read_metadata(comment, file, problems)
    columns, lines = read_tsv(body, first, file, problems, None if strict else warnings)
    extensions = metadata.get("extension_definitions") or []
    declared = (
        {e.get("slot_name") for e in extensions if isinstance(e, dict)} if isinstance(extensions, list) else set()
    )
    for name in columns:
        if name not in SLOTS and name not in declared:
            warnings.append(
                Problem(file, first, name, "SSSOM has no such column; it is not read.", nearest(name, SLOTS))
            )
    if columns and "predicate_id" not in columns:
        problems.append(Problem(file, first, "predicate_id", "The column is missing."))
    if columns and not {"subject_id", "subject_label"} & set(columns):
        problems.append(Problem(file, first, "subject_id", "The column is missing."))
    for line in lines:
        _check_line(line, file, problems)
    return MappingSet(metadata, tuple(columns), tuple(lines))


def _split_header(text: str) -> tuple[str, str, int]:
    lines = text.splitlines(keepends=True)
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    comment = "".join(line[1:].rstrip("\t\r\n ") + "\n" for line in lines[:count])
    return comment, "".join(lines[count:]), count + 1


def _read_metadata(comment: str, file: str, problems: list[Problem]) -> dict[str, Any]:
    try:
        metadata = yaml.load(comment, yaml.BaseLoader) or {}  # noqa: S506 - a BaseLoader builds text only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = f"The # header is broken YAML: {getattr(error, 'problem', None) or 'not readable'}."
        problems.append(Problem(file, mark.line + 1 if mark else 1, "", message))
        return {}
    if not isinstance(metadata, dict):
        problems.append(Problem(file, 1, "", "The # header is no mapping of keys.", "Write `# key: value`."))
        return {}
    prefixes = metadata.get("curie_map") or {}
    if not isinstance(prefixes, dict):
        problems.append(Problem(file, 1, "curie_map", "The curie_map is no mapping of prefixes."))
        return {**metadata, "curie_map": {}}
    for prefix, meaning in BUILT_IN.items():
        if prefixes.get(prefix, meaning) != meaning:
            problems.append(Problem(file, 1, "curie_map", f"{prefix!r} always means {meaning}.", "Leave it out."))
    return dict(metadata)


def _check_line(line: Line, file: str, problems: list[Problem]) -> None:
    """Note what breaks SSSOM in one row, whatever it is used for."""
    for column, message, advice in _faults(line.cells):
        problems.append(Problem(file, line.number, column, message, advice))


def _faults(cells: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    literal = cells.get("subject_type") == LITERAL
    if literal and not cells.get("subject_label"):
        yield "subject_label", "A literal subject needs its text.", ""
    if not literal and not cells.get("subject_id"):
        yield "subject_id", "The row has no subject.", f"A value has subject_type {LITERAL!r}."
    if not cells.get("predicate_id", "-"):
        yield "predicate_id", "The row has no predicate.", f"The predicates that load: {', '.join(LOADING)}."
    if cells.get("predicate_modifier", "") not in ("", "Not"):
        yield "predicate_modifier", f"{cells['predicate_modifier']!r} is no modifier.", "Only `Not` is one."
    if cells.get("confidence") and _confidence(cells["confidence"]) is None:
        yield "confidence", f"{cells['confidence']!r} is no number from 0 to 1.", ""
    yield from _malformed(cells)


def _malformed(cells: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for column in (c for c in CURIES if cells.get(c)):
        if not is_curie(cells[column].partition("/")[0]):
            yield column, f"{cells[column]!r} is no CURIE.", _curie_advice(column, cells[column])
    for column in (c for c in DATES if cells.get(c)):
        if not _DATE.fullmatch(cells[column]):
            yield column, f"{cells[column]!r} is no date.", "Write yyyy-MM-dd."


def _curie_advice(column: str, text: str) -> str:
    if column == "subject_id" and " " in text:
        return f"Write it percent-encoded: {text.replace(' ', '%20')}."
    if column == "mapping_justification":
        return f"Write semapv:{text}." if re.fullmatch(r"[A-Za-z]+", text) else f"The default is {MANUAL}."
    return "Write prefix:name."


def _confidence(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None


def read_concepts(
    path: Path, partner: str, vocabulary: Vocabulary, problems: list[Problem], warnings: list[Problem]
) -> tuple[ConceptRow, ...]:
    """Read the concept file of a partner, noting every problem that a row shows by itself."""
    file = f"{path.parent.name}/{CONCEPTS}"
    found = read_sssom(path, problems, warnings, file=file, strict=True)
    prefixes = set(found.metadata.get("curie_map") or {})
    reader = _ConceptReader(file, partner, prefixes, vocabulary, problems, warnings)
    rows = [reader.read(line) for line in found.lines]
    return tuple(row for row in rows if row is not None)


class _ConceptReader:
    """Tie the rows of a concept file to a partner's variables and to the vocabulary."""

    def __init__(
        self,
        file: str,
        partner: str,
        prefixes: set[str],
        vocabulary: Vocabulary,
        problems: list[Problem],
        warnings: list[Problem],
    ) -> None:
        self.file = file
        self.partner = partner
        self.prefixes = prefixes
        self.vocabulary = vocabulary
        self.problems = problems
        self.warnings = warnings
        self.seen: dict[tuple[str, ...], int] = {}

    def read(self, line: Line) -> ConceptRow | None:
        """Return the row, or None where its subject is at fault."""
        cells = line.cells
        subject = self._subject(line)
        if subject is None:
            return None
        table, variable, text = subject
        predicate = self._predicate(line)
        justification = cells.get("mapping_justification") or MANUAL
        status = self._status(cells, predicate, justification)
        self._check_repeated(
            line, (table, variable, text or "", str(text is None), predicate, cells.get("object_id", ""))
        )
        return ConceptRow(
            line=line.number,
            subject_id=subject_id(self.partner, table, variable),
            table=table,
            variable=variable,
            text=text,
            predicate=predicate,
            modifier=cells.get("predicate_modifier", ""),
            object_curie=cells.get("object_id", ""),
            object_label=cells.get("object_label", ""),
            concept_id=self._concept(line, status),
            status=status,
            loads_as=LOADING.get(predicate, ""),
            author=cells.get("author_id", ""),
            reviewer=cells.get("reviewer_id", ""),
            date=cells.get("mapping_date", ""),
            justification=justification,
            comment=cells.get("comment", ""),
            confidence=_confidence(cells.get("confidence", "")),
        )

    def _problem(self, line: Line, column: str, message: str, advice: str = "") -> None:
        self.problems.append(Problem(self.file, line.number, column, message, advice))

    def _subject(self, line: Line) -> tuple[str, str, str | None] | None:
        cells = line.cells
        literal = cells.get("subject_type") == LITERAL
        column = "subject_source" if literal else "subject_id"
        subject = cells.get(column, "")
        if literal and cells.get("subject_id"):
            self._problem(
                line, "subject_id", "A value has no subject_id.", "Leave it empty; subject_source names the variable."
            )
        parts = split_subject(subject)
        example = subject_id(self.partner, "table", "variable")
        if parts is None:
            if literal or subject:
                self._problem(line, column, f"{subject!r} names no variable.", f"Write {example}.")
            return None
        partner, table, variable = parts
        if partner != self.partner:
            self._problem(line, column, f"{subject!r} has the prefix of another partner.", f"Write {example}.")
            return None
        if subject != subject_id(partner, table, variable):
            advice = f"Write it percent-encoded: {subject_id(partner, table, variable)}."
            self._problem(line, column, f"{subject!r} holds characters that an id may not.", advice)
        return table, variable, canonical(cells.get("subject_label", "")) if literal else None

    def _predicate(self, line: Line) -> str:
        predicate = line.cells.get("predicate_id", "")
        prefix = predicate.partition(":")[0]
        known = {*LOADING, *IDLE}
        if predicate and predicate not in known and (prefix in OWN_SPACE or prefix not in self.prefixes):
            self._problem(line, "predicate_id", f"Unknown predicate {predicate!r}.", nearest(predicate, known))
        return predicate

    def _status(self, cells: dict[str, str], predicate: str, justification: str) -> Status:
        automatic = justification not in CURATED and not cells.get("reviewer_id")
        literal_object = cells.get("object_type") == LITERAL
        if predicate not in LOADING or cells.get("predicate_modifier") or automatic or literal_object:
            return "not-loaded"
        if cells.get("object_id") == NO_TERM:
            return "not-found"
        return "loads" if cells.get("object_id") else "wanted"

    def _concept(self, line: Line, status: Status) -> int | None:
        curie, label = line.cells.get("object_id", ""), line.cells.get("object_label", "")
        if not curie and not label:
            self._problem(line, "object_id", "The row has no object.", "A wanted concept has at least an object_label.")
        if not curie or curie == NO_TERM or not is_curie(curie):
            return None
        concept = self.vocabulary.resolve(curie)
        unit = curie.startswith("UCUM:") and is_ucum(curie.removeprefix("UCUM:"))
        if concept is None and status == "loads" and not unit:
            advice = "Correct the id, or leave it empty beside the label: then the concept is wanted."
            self.problems.append(
                Problem(self.file, line.number, "object_id", f"The vocabulary has no {curie}.", advice, curie)
            )
        if concept is not None and concept.invalid_reason and status == "loads":
            following = self.vocabulary.successor(concept.id)
            advice = f"Map to OMOP:{following}, which replaced it." if following else "Map to a valid concept."
            message = f"{curie} is no longer valid in its vocabulary."
            self.problems.append(Problem(self.file, line.number, "object_id", message, advice, curie))
        return None if concept is None else concept.id

    def _check_repeated(self, line: Line, key: tuple[str, ...]) -> None:
        first = self.seen.setdefault(key, line.number)
        if first != line.number:
            message = f"The row says what line {first} says."
            self.warnings.append(Problem(self.file, line.number, "", message, "Keep one."))
