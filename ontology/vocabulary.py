"""The vocabulary: concepts in OMOP's layout, read once from ``concepts/*.csv``.

Concepts are found by CURIE, by code or name in a vocabulary, or by search; their hierarchy says what is a kind of what.
A user's own concepts join them with :meth:`Vocabulary.extended`.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

from haemony.engine.errors import Problem, VocabularyError
from haemony.ontology.athena import ATHENA, Athena, Found
from haemony.ontology.concept import GENE_ALTERATION, NAMED_ALTERATION, Concept, closure, grouped
from haemony.ontology.extension import Extension, assign_ids, read_user_file

__all__ = ["Concept", "Vocabulary", "assign_ids", "read_folder", "read_vocabulary"]

FOLDER = Path(__file__).with_name("concepts")
#: Other words for a vocabulary in ``format``.
ALIASES = {"ICDO": "ICDO3", "ICD-O-3": "ICDO3", "ICD-O": "ICDO3", "haemony": "Haemony"}


class Vocabulary:
    """Concepts, their names and their hierarchy; never changed once made.

    >>> vocabulary = read_vocabulary()
    >>> vocabulary[2100000022].name
    'FLT3 internal tandem duplication'
    >>> vocabulary.is_a(2100000022, 2100000020)
    True
    >>> vocabulary.codes("HGNC", "Mutation")["MLL2"] == vocabulary.codes("HGNC", "Mutation")["KMT2D"]
    True
    """

    def __init__(
        self,
        concepts: Iterable[Concept],
        synonyms: Iterable[tuple[int, str]] = (),
        relationships: Iterable[tuple[int, int, str]] = (),
        *,
        inferred: Iterable[tuple[int, int]] = (),
        karyotype: Mapping[str, int] | None = None,
        release: str = "",
    ) -> None:
        """Hold concepts, synonyms, relationships (first, second, name) and ``inferred`` pairs (concept, ancestor)."""
        self.release = release
        self._concepts = {c.id: c for c in concepts}
        self._synonym_rows = tuple(synonyms)
        self._relationship_rows = tuple(relationships)
        self._inferred = tuple(inferred)
        self._karyotype = dict(karyotype or {})
        self._synonyms = grouped(self._synonym_rows)
        self._parents = grouped((a, b) for a, b, name in self._relationship_rows if name == "Is a")
        self._genes = grouped((a, b) for a, b, name in self._relationship_rows if name == "Has gene")
        self._maps_to = {a: b for a, b, name in self._relationship_rows if name == "Maps to"}
        self._replaced = {a: b for a, b, name in self._relationship_rows if name == "Concept replaced by"}
        up = grouped((a, b) for a, b in [*_pairs(self._parents), *self._inferred] if a != b)
        self._up = up
        self._down = grouped((b, a) for a, b in _pairs(up))
        self._reached: dict[tuple[int, bool], frozenset[int]] = {}

    def __getitem__(self, concept_id: int) -> Concept:
        try:
            return self._concepts[concept_id]
        except KeyError:
            raise KeyError(f"the vocabulary has no concept {concept_id}") from None

    def __contains__(self, concept_id: object) -> bool:
        return concept_id in self._concepts

    def __iter__(self) -> Iterator[Concept]:
        return iter(self._concepts.values())

    def __len__(self) -> int:
        return len(self._concepts)

    # --- finding ------------------------------------------------------------------------------------------------

    def resolve(self, curie: str) -> Concept | None:
        """Return the concept that a CURIE names, or ``None``.

        >>> read_vocabulary().resolve("haemony:flt3-itd").id
        2100000022
        >>> read_vocabulary().resolve("LOINC:718-7").name
        'Hemoglobin [Mass/volume] in Blood'
        """
        prefix, _, local = curie.strip().partition(":")
        if prefix == "OMOP":
            return self._concepts.get(int(local)) if local.isdecimal() else None
        found = self._curies.get(f"{prefix}:{local}")
        return None if found is None else self._concepts[found]

    @cached_property
    def _curies(self) -> dict[str, int]:
        return {c.curie: c.id for c in self if c.code}

    def synonyms(self, concept_id: int) -> tuple[str, ...]:
        """Return the other names and spellings of a concept, former symbols among them."""
        return self._synonyms.get(concept_id, ())

    def search(self, text: str, limit: int = 10) -> list[Concept]:
        """Find concepts by name: exact names first, then without regard to case, then by shared words.

        >>> read_vocabulary().search("Thrombozyten", 1)[0].name
        'Platelets [#/volume] in Blood'
        """
        scores = _scores(text, self._names)
        best = sorted(scores, key=lambda c: (-scores[c], len(self[c].name), c))
        return [self[c] for c in best[:limit]]

    def search_all(self, athena: Athena, text: str, limit: int = 10) -> list[Concept]:
        """Find concepts here and in a download of Athena; of equally good names those that are here come
        first, then standard concepts."""
        here = _scores(text, self._names)
        names = [(i, name, name.casefold(), _words(name)) for i, name in athena.names(text) if i not in self]
        scores = here | _scores(text, names)
        near = sorted(scores, key=lambda c: (-scores[c], c not in here, c))[: max(10 * limit, 100)]
        found = {c.id: c for c in athena.concepts([c for c in near if c not in self])}
        concepts = [self[c] if c in self else found[c] for c in near]
        return sorted(concepts, key=lambda c: (-scores[c.id], c.id not in here, c.standard != "S"))[:limit]

    @cached_property
    def _names(self) -> tuple[tuple[int, str, str, frozenset[str]], ...]:
        own = ((c.id, name) for c in self for name in (c.name, c.code) if name)
        return tuple((i, name, name.casefold(), _words(name)) for i, name in (*own, *self._synonym_rows))

    # --- hierarchy ----------------------------------------------------------------------------------------------

    def parents(self, concept_id: int) -> tuple[int, ...]:
        """Return the concepts that the files name as direct parents."""
        return self._parents.get(concept_id, ())

    def ancestors(self, concept_id: int) -> frozenset[int]:
        """Return the concept and all that it is a kind of."""
        return self._reach(concept_id, upwards=True)

    def descendants(self, concept_id: int) -> frozenset[int]:
        """Return the concept and all kinds of it."""
        return self._reach(concept_id, upwards=False)

    def is_a(self, child: int, parent: int) -> bool:
        """Tell whether a concept is another one or a kind of it."""
        return parent in self.ancestors(child)

    def most_specific(self, concepts: Iterable[int]) -> frozenset[int]:
        """Return the concepts of which none of the others is a kind."""
        found = frozenset(concepts)
        return frozenset(c for c in found if not any(c != d and self.is_a(d, c) for d in found))

    def _reach(self, start: int, upwards: bool) -> frozenset[int]:
        key = (start, upwards)
        if key not in self._reached:
            self._reached[key] = closure(start, self._up if upwards else self._down)
        return self._reached[key]

    def maps_to(self, concept_id: int) -> int | None:
        """Return the concept that a code of another vocabulary maps to; None where it is no such code."""
        return self._maps_to.get(concept_id)

    def successor(self, concept_id: int) -> int | None:
        """Return what replaced a concept that is no longer valid, as far as the vocabulary says."""
        found = self._replaced.get(concept_id, self._maps_to.get(concept_id))
        return None if found == concept_id else found

    def named_alterations(self) -> frozenset[int]:
        """Return the alterations that a gene-level negative does not answer for: tandem duplications, fusions."""
        return self.descendants(NAMED_ALTERATION)

    # --- what a concept stands for ------------------------------------------------------------------------------

    def gene_of(self, concept_id: int) -> int | None:
        """Return the one gene that an alteration concerns; ``None`` for a fusion of two or for no gene."""
        genes = self._genes.get(concept_id, ())
        return genes[0] if len(genes) == 1 else None

    def as_record(self, concept_id: int, record_class: str) -> int:
        """Return the concept of the class that a concept stands for: a gene its alteration, an alteration its gene.

        A concept that fits, or that has no counterpart in the class, comes back unchanged.
        """
        have = self[concept_id].record_class
        if have == "Gene" and record_class == "Mutation":
            return self._alterations.get(concept_id, concept_id)
        if have == "Mutation" and record_class == "Gene":
            gene = self.gene_of(concept_id)
            return concept_id if gene is None else gene
        return concept_id

    @cached_property
    def _alterations(self) -> dict[int, int]:
        """Gene → its gene-level alteration, which is a child of the root."""
        return {
            genes[0]: alteration
            for alteration, genes in self._genes.items()
            if len(genes) == 1 and GENE_ALTERATION in self.parents(alteration)
        }

    def codes(self, vocabulary: str, record_class: str) -> dict[str, int]:
        """Return what may be delivered in a vocabulary (codes, names, synonyms, former symbols) → concept of the class.

        A code goes before a name, a name before a synonym; a text that two concepts share is left out. Case matters.
        """
        vocabulary = ALIASES.get(vocabulary, vocabulary)
        ranked: list[tuple[int, str, int]] = []
        for concept in self._of(vocabulary):
            target = self.as_record(self._meant(concept.id), record_class)
            if self[target].record_class not in (record_class, "") or self[target].invalid_reason:
                continue
            texts = [(concept.code, 0), (concept.name, 1), *((s, 2) for s in self.synonyms(concept.id))]
            ranked += [(rank, text, target) for text, rank in texts if text]
        return _unambiguous(ranked)

    def _meant(self, concept_id: int) -> int:
        """Return what a code of another vocabulary maps to, where it is a kind of that or not standard itself."""
        target = self._maps_to.get(concept_id, concept_id)
        if target not in self:
            return concept_id
        imported = self[concept_id].source.startswith(ATHENA)
        return target if self.is_a(concept_id, target) or (imported and not self[concept_id].standard) else concept_id

    def _of(self, vocabulary: str) -> Iterator[Concept]:
        gene = vocabulary == "HGNC"
        return (c for c in self if c.vocabulary == vocabulary or (gene and c.record_class == "Gene"))

    # --- units and karyotypes -----------------------------------------------------------------------------------

    def unit_codes(self) -> dict[str, str]:
        """Return every known spelling of a unit → its UCUM code. Case matters."""
        units = [c for c in self if c.record_class == "Unit"]
        ranked = [(0, c.code, c.id) for c in units] + [(1, c.name, c.id) for c in units]
        ranked += [(1, text, c.id) for c in units for text in self.synonyms(c.id)]
        return {text: self[unit].code for text, unit in _unambiguous(ranked).items()}

    def unit_concept(self, ucum: str) -> int | None:
        """Return the concept id of a UCUM code."""
        return self._curies.get(f"UCUM:{ucum}")

    def karyotype_keys(self) -> dict[str, int]:
        """Return the keys of the ISCN reader, such as ``-7`` or ``t(8;21)`` → finding."""
        return dict(self._karyotype)

    # --- extension ----------------------------------------------------------------------------------------------

    def extended(self, path: Path | str) -> Vocabulary:
        """Return a vocabulary that also holds the concepts of a user's ``concepts.csv``.

        Raise :class:`VocabularyError` with all faults of the file. Ids that the file lacks are those :func:`assign_ids`
        would write.
        """
        path = Path(path)
        rows = read_user_file(path)
        added = Extension(self, path.name, rows).read()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        own = Found(tuple(added.concepts), tuple(added.synonyms), tuple(added.relationships), ())
        return self._with(own, digest)

    def joined(self, athena: Athena, curies: Iterable[str], vocabularies: Iterable[str] = ()) -> Vocabulary:
        """Return a vocabulary that also holds what CURIEs name in a download of Athena, and whole vocabularies of it.

        What is named comes with its ancestors. A concept that is built in stays as it is.
        """
        wanted = athena.ids(curie for curie in curies if self.resolve(curie) is None)
        wanted |= athena.of_vocabularies(vocabularies)
        wanted -= self._concepts.keys()
        if not wanted:
            return self
        found = athena.find(wanted)
        new = tuple(c for c in found.concepts if c.id not in self)
        ids = {c.id for c in new}
        known = ids | self._concepts.keys()
        return self._with(
            Found(
                new,
                tuple(s for s in found.synonyms if s[0] in ids),
                tuple(r for r in found.relationships if r[0] in ids and r[1] in known),
                tuple(pair for pair in found.inferred if pair[0] in ids and pair[1] in known),
            ),
            athena.release,
        )

    def _with(self, more: Found, release: str) -> Vocabulary:
        return Vocabulary(
            [*self, *more.concepts],
            [*self._synonym_rows, *more.synonyms],
            [*self._relationship_rows, *more.relationships],
            inferred=[*self._inferred, *more.inferred],
            karyotype=self._karyotype,
            release=f"{self.release}+{release}",
        )


# --- reading -----------------------------------------------------------------------------------------------------


@cache
def read_vocabulary() -> Vocabulary:
    """Read the built-in vocabulary; the same object each time."""
    return read_folder(FOLDER)


def read_folder(folder: Path) -> Vocabulary:
    """Read a vocabulary from the OMOP tables of a folder (``CONCEPT.csv`` and the tables beside it)."""
    releases = {r["vocabulary_id"]: r["vocabulary_version"] for r in _table(folder / "VOCABULARY.csv")}
    ancestors = folder / "CONCEPT_ANCESTOR.csv"
    inferred = _table(ancestors) if ancestors.exists() else iter(())
    return Vocabulary(
        [_concept(row) for row in _table(folder / "CONCEPT.csv")],
        [(int(r["concept_id"]), r["concept_synonym_name"]) for r in _table(folder / "CONCEPT_SYNONYM.csv")],
        [
            (int(r["concept_id_1"]), int(r["concept_id_2"]), r["relationship_id"])
            for r in _table(folder / "CONCEPT_RELATIONSHIP.csv")
        ],
        inferred=[(int(r["descendant_concept_id"]), int(r["ancestor_concept_id"])) for r in inferred],
        karyotype={r["key"]: int(r["concept_id"]) for r in _table(folder / "karyotype.csv")},
        release=releases.get("Haemony", ""),
    )


def _table(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)
    except OSError as error:
        raise VocabularyError([Problem(path.name, None, "", "is missing.", "Install Haemony anew.")]) from error


def _concept(row: dict[str, str]) -> Concept:
    return Concept(
        id=int(row["concept_id"]),
        name=row["concept_name"],
        domain=row["domain_id"],
        vocabulary=row["vocabulary_id"],
        concept_class=row["concept_class_id"],
        standard=row["standard_concept"],
        code=row["concept_code"],
        record_class=row["record_class"],
        source=row["source"],
        invalid_reason=row["invalid_reason"],
    )


# --- small helpers -----------------------------------------------------------------------------------------------


def _pairs(groups: Mapping[int, tuple[int, ...]]) -> Iterator[tuple[int, int]]:
    return ((key, value) for key, values in groups.items() for value in values)


def _unambiguous(ranked: Iterable[tuple[int, str, int]]) -> dict[str, int]:
    """Text → target of the best rank; texts that have two targets at that rank are left out."""
    best: dict[str, tuple[int, set[int]]] = {}
    for rank, text, target in ranked:
        have = best.get(text)
        if have is None or rank < have[0]:
            best[text] = (rank, {target})
        elif rank == have[0]:
            have[1].add(target)
    return {text: next(iter(targets)) for text, (_, targets) in best.items() if len(targets) == 1}


def _scores(text: str, names: Iterable[tuple[int, str, str, frozenset[str]]]) -> dict[int, float]:
    """Return how like a text the best name of each concept is; those that share nothing with it are left out."""
    text = text.strip()
    folded, words = text.casefold(), _words(text)
    scores: dict[int, float] = {}
    if not folded:
        return scores
    for concept_id, name, other, other_words in names:
        score = 4.0 if name == text else _likeness(other, other_words, folded, words)
        if score > scores.get(concept_id, 0.0):
            scores[concept_id] = score
    return scores


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def _likeness(other: str, other_words: frozenset[str], folded: str, words: frozenset[str]) -> float:
    """Say how like two texts are: 3 the same but for case, to 2.5 one in the other, to 1 shared words."""
    if other == folded:
        return 3.0
    shared = len(words & other_words)
    overlap = shared / len(words | other_words) if shared else 0.0
    if len(folded) > 2 and folded in other:
        return 1.0 + overlap + len(folded) / len(other) / 2
    return overlap
