"""Suggestions: which concept a header, a label or a text may mean, by the names and synonyms of the vocabulary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from haemony.mappings.header_words import folded, words
from haemony.mappings.seen import SeenColumn
from haemony.ontology.concept import Concept
from haemony.ontology.vocabulary import Vocabulary

#: Classes that a column of flags, of numbers or of texts may fill, the likeliest first.
OF_FLAGS: Final = ("Mutation", "Finding", "Treatment", "Diagnosis", "Response", "AdverseEvent")
OF_NUMBERS: Final = ("Measurement", "Outcome")
OF_TEXTS: Final = (
    "Diagnosis",
    "RiskGroup",
    "Response",
    "Treatment",
    "Finding",
    "Mutation",
    "Measurement",
    "AdverseEvent",
)
TRUE: Final = frozenset(
    "1 yes y true t ja j wahr si s sí verdadero oui o vrai pos positive positiv positivo positif".split()
)
FALSE: Final = frozenset("0 no n false f nein falsch falso non faux neg negative negativ negativo negatif".split())
THIRD: Final = frozenset(
    "unknown|not done|not tested|unbekannt|nicht untersucht|nicht durchgefuhrt|desconocido|no realizado|inconnu"
    "|non fait|n u|n d|n e|n t|unclear|indeterminate|unk|nd|u|9|99|failed".split("|")
)
#: Two letters that tell the sexes where one of them means the other sex elsewhere: hombre and mujer, homme and femme.
SEXES: Final[Mapping[frozenset[str], Mapping[str, int]]] = {
    frozenset("hm"): {"h": 8507, "m": 8532},
    frozenset("hf"): {"h": 8507, "f": 8532},
    frozenset("vm"): {"v": 8507, "m": 8532},
    frozenset({"hombre", "mujer"}): {"hombre": 8507, "mujer": 8532},
    frozenset({"varon", "mujer"}): {"varon": 8507, "mujer": 8532},
    frozenset({"homme", "femme"}): {"homme": 8507, "femme": 8532},
    frozenset({"mannlich", "weiblich"}): {"mannlich": 8507, "weiblich": 8532},
}
#: Units of time as headers and labels say them; in the singular, `year` is a date.
TIMES: Final[Mapping[str, str]] = {
    word: unit
    for unit, names in {
        "d": "days tage tagen dias jours",
        "wk": "weeks wochen semanas semaines",
        "mo": "months monate monaten meses mois",
        "a": "years jahre jahren anos ans annees",
    }.items()
    for word in names.split()
}
#: What may follow the name of an outcome in the header of its event, and of its time.
EVENT: Final = re.compile(r"(stat|status|event|ev|ind|cens|censor|censored|flag)$")
CLOCK: Final = re.compile(r"(tm|time|days|months|years|d|m)$")
_BRACKETS: Final = re.compile(r"[(\[]([^()\[\]]+)[)\]]")
_SIGNS: Final = {"minus": "-", "plus": "+"}


@dataclass(frozen=True)
class Flags:
    """The texts of a flag column."""

    true: str
    false: str
    third: str = ""

    @property
    def format(self) -> str:
        """Return the format that reads them."""
        return "|".join(text for text in (self.true, self.false, self.third) if text)


def flags_of(column: SeenColumn) -> Flags | None:
    """Return the texts of a column that says yes and no, in any of four languages or by the labels of its codes."""
    if len(column.shared) < 2:
        return None
    kinds: dict[str, str] = {}
    for text in column.shared:
        kind = _kind(text) or _kind(column.codes.get(text, ""))
        if not kind or kind in kinds:
            return None
        kinds[kind] = text
    return Flags(kinds["true"], kinds["false"], kinds.get("third", "")) if {"true", "false"} <= kinds.keys() else None


def _kind(text: str) -> str:
    plain = " ".join(folded(text))
    return "true" if plain in TRUE else "false" if plain in FALSE else "third" if plain in THIRD else ""


class Suggester:
    """Find concepts by their names, without regard to case, accents and signs."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.units = vocabulary.unit_codes()
        self._folded_units = {text.casefold().replace(" ", ""): code for text, code in reversed(self.units.items())}
        self._named: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        for concept in vocabulary:
            if not concept.invalid_reason and concept.record_class not in ("", "Unit"):
                names = [(0, concept.name), *((1, name) for name in vocabulary.synonyms(concept.id))]
                names += [(1, concept.code)] if concept.vocabulary in ("Haemony", "OncoTree") else []
                for rank, name in names:
                    self._named.setdefault(_key(name), []).append((rank, concept.id))
        for text, concept_id in vocabulary.karyotype_keys().items():
            self._named.setdefault(_key(text), []).append((0, concept_id))

    def find(self, texts: Iterable[str], classes: Sequence[str]) -> Concept | None:
        """Return the concept of the first class that any of the texts names; a gene stands for its alteration."""
        found: dict[str, list[tuple[int, int, int]]] = {}
        for place, text in enumerate(texts):
            for key in {_key(text), ("".join(_key(text)),)}:
                for rank, concept_id in self._named.get(key, ()):
                    record = "Mutation" if self.vocabulary[concept_id].record_class == "Gene" else ""
                    meant = self.vocabulary.as_record(concept_id, record) if record else concept_id
                    of = self.vocabulary[meant].record_class
                    found.setdefault(of, []).append((place, rank, meant))
        for record_class in classes:
            if record_class in found:
                best = min(found[record_class], key=lambda f: (f[0], f[1], self.vocabulary[f[2]].standard != "S", f[2]))
                return self.vocabulary[best[2]]
        return None

    def of_column(self, column: SeenColumn, classes: Sequence[str]) -> Concept | None:
        """Return the concept that a column's header or label names."""
        return self.find(_ways(column), classes)

    def of_texts(self, column: SeenColumn) -> tuple[str, dict[str, Concept]]:
        """Return the class that most texts of a column name, and the concepts of those texts."""
        texts = {text: [label, text] if (label := column.codes.get(text, "")) else [text] for text in listed(column)}
        by_class = {
            name: {text: found for text, ways in texts.items() if (found := self.find(ways, (name,)))}
            for name in OF_TEXTS
        }
        best = max(OF_TEXTS, key=lambda name: len(by_class[name]))
        # a single abbreviation may mean anything
        enough = max(min(2, len(texts)), len(texts) / 3)
        return (best, by_class[best]) if len(by_class[best]) >= enough else ("", {})

    def unit_of(self, column: SeenColumn) -> str:
        """Return the unit that a header or label states, in UCUM; empty where neither does."""
        for text in (column.name, column.label):
            for stated in _BRACKETS.findall(text):
                if code := self.unit(stated):
                    return code
        spoken = (*words(column.name)[-1:], *_after_in(column.label))
        return next((TIMES[word] for word in spoken if word in TIMES), "")

    def unit(self, text: str) -> str:
        """Return the UCUM code of a unit's text; empty where it is none."""
        plain = text.strip().removeprefix("in ").strip()
        return self.units.get(plain, "") or self._folded_units.get(plain.casefold().replace(" ", ""), "")


def listed(column: SeenColumn) -> list[str]:
    """Return the texts of a column that may be written: what a data dictionary lists, and what many rows share."""
    return list(dict.fromkeys([*list(column.codes)[:40], *column.shared]))


def _ways(column: SeenColumn) -> list[str]:
    """Return the texts by which a column may name a concept: its header, without a unit or first word; its label."""
    bare = _BRACKETS.sub("", column.name).strip()
    written = words(bare)
    ways = [column.name, bare, " ".join(_SIGNS.get(word, word) for word in written)]
    ways += [" ".join(written[1:])] if len(written) > 1 and len("".join(written[1:])) > 2 else []
    ways += [" ".join(written[:-1])] if len(written) > 1 and CLOCK.fullmatch(written[-1]) else []
    label = _BRACKETS.sub("", column.label).strip()
    ways += [part for part in (column.label, label, re.split(r"[,:;]", label)[0]) if 2 < len(part) <= 80]
    return [way for way in dict.fromkeys(ways) if way]


def _key(text: str) -> tuple[str, ...]:
    return tuple(_SIGNS.get(word, word) for word in folded(text))


def _after_in(label: str) -> list[str]:
    """Return the word after `in`, as in `age, in years`, and `days` at the beginning of a label."""
    said = folded(label)
    return [b for a, b in pairwise(said) if a in ("in", "en")] + list(said[:1])
