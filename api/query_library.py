"""The query library: named Cypher files with typed parameters.

A file begins with comment lines that say what it is: ``// title:``, ``// description:`` (may repeat),
``// param NAME TYPE = DEFAULT: text`` and ``// then: step(...)``; below them stands the query, which runs in a graph
browser too. Texts that name concepts are looked up in the vocabulary first, so that Cypher receives ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from haemony.analysis.survival import group_label, kaplan_meier
from haemony.engine.errors import HaemonyError, Problem, QueryError
from haemony.graph_loader.stores.base import GraphStore, Rows
from haemony.ontology.concept import Concept
from haemony.ontology.vocabulary import Vocabulary, read_vocabulary

QUERIES = Path(__file__).with_name("queries")

_PARAM = re.compile(r"(?P<name>\w+) (?P<type>(?:list of )?\w+)(?: = (?P<default>.*?))?: (?P<text>.+)")
_STEP = re.compile(r"(?P<name>[\w-]+)\((?P<arguments>.*)\)")
_SCALARS = ("string", "integer", "number", "boolean", "concept")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query; without a default it must be given."""

    name: str
    type: str
    text: str
    default: str | None = None

    @property
    def required(self) -> bool:
        """Tell whether a value must be given."""
        return self.default is None

    @property
    def many(self) -> bool:
        """Tell whether the parameter takes a list."""
        return self.type.startswith("list of ")

    @property
    def scalar(self) -> str:
        """Return the type of one value."""
        return self.type.removeprefix("list of ")


@dataclass(frozen=True)
class Step:
    """What is done with the rows of a query before they are shown."""

    name: str
    arguments: Mapping[str, str]


@dataclass(frozen=True)
class Query:
    """A query of the library."""

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    cypher: str
    then: Step | None = None


@dataclass(frozen=True)
class Result:
    """An answer.

    ``raw`` holds the rows before a final step such as Kaplan-Meier, ``notes`` what the step adds, and ``survival`` what
    ``analysis.survival.survival_chart`` draws: ``groups``, ``durations``, ``events``, ``entries``.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    raw: Rows
    truncated: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)
    survival: Mapping[str, list[Any]] = field(default_factory=dict)

    def dicts(self) -> list[dict[str, Any]]:
        """Return each row as a dictionary."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def list_queries(folder: Path = QUERIES) -> tuple[Query, ...]:
    """Return all queries of the library, by name."""
    return tuple(_read(path) for path in sorted(folder.glob("*.cypher")))


def get_query(name: str, folder: Path = QUERIES) -> Query:
    """Return the query called ``name``; raise ``QueryError`` that lists names like it.

    >>> get_query("survival-by-genotype").title
    'Survival by genotype'
    """
    names = [path.stem for path in sorted(folder.glob("*.cypher"))]
    if name not in names:
        near = get_close_matches(name, names, n=3, cutoff=0.4) or names
        raise QueryError(f"there is no query {name!r}. Did you mean {', '.join(near)}?")
    return _read(folder / f"{name}.cypher")


def run_query(
    store: GraphStore,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    vocabulary: Vocabulary | None = None,
    limit: int | None = None,
) -> Result:
    """Run a query of the library; values may be texts, as a command line gives them.

    ``limit`` cuts the rows that are returned, never the patients that a final step counts.
    """
    query = get_query(name)
    vocabulary = vocabulary or read_vocabulary()
    values, texts = bind(query, parameters or {}, vocabulary)
    raw = store.query(query.cypher, values, limit=None if query.then else limit)
    if query.then is None:
        return Result(raw.columns, raw.rows, raw, raw.truncated)
    return _STEPS[query.then.name](raw, query.then.arguments, texts)


def bind(
    query: Query, given: Mapping[str, Any], vocabulary: Vocabulary
) -> tuple[dict[str, Any], dict[str, dict[int, str]]]:
    """Return the values that Cypher receives, and for each concept parameter what each id was called."""
    known = {p.name: p for p in query.parameters}
    problems = [_unknown(query, name) for name in given if name not in known]
    values: dict[str, Any] = {}
    texts: dict[str, dict[int, str]] = {}
    for parameter in query.parameters:
        value = given.get(parameter.name)
        if value is None and parameter.default is None:
            problems.append(
                _problem(query, parameter, "is not given.", f"It takes {_expected(parameter)}: {parameter.text}.")
            )
            continue
        try:
            read = _value(parameter, parameter.default if value is None else value)
            if parameter.scalar == "concept":
                items = read if parameter.many else [read]
                if not items and parameter.required:
                    raise ValueError(value)
                texts[parameter.name] = {find_concept(item, vocabulary).id: item for item in items}
                read = list(texts[parameter.name]) if parameter.many else next(iter(texts[parameter.name]))
            values[parameter.name] = read
        except ValueError:
            problems.append(
                _problem(query, parameter, f"is {value!r}", f"It takes {_expected(parameter)}: {parameter.text}.")
            )
        except HaemonyError as error:
            problems += [_problem(query, parameter, p.message, p.advice) for p in error.problems]
    if problems:
        raise QueryError(problems)
    return values, texts


def find_concept(text: str, vocabulary: Vocabulary) -> Concept:
    """Return the concept that a text names: by id, CURIE, gene symbol, ISCN, code, name or synonym.

    A gene stands for any alteration of it. Of several concepts with the name, the one above all others is meant.

    >>> vocabulary = read_vocabulary()
    >>> find_concept("NPM1", vocabulary).name
    'NPM1 (nucleophosmin 1) gene variant measurement'
    >>> find_concept("haemony:flt3-itd", vocabulary) == find_concept("2100000022", vocabulary)
    True
    """
    text = text.strip()
    exact = _exact(text, vocabulary)
    found = {vocabulary.as_record(c, "Mutation") for c in exact}
    tops = [c for c in found if all(vocabulary.is_a(other, c) for other in found)]
    if tops:
        return vocabulary[tops[0]]
    near = [vocabulary[c] for c in sorted(found)] or vocabulary.search(text, 5)
    listed = "; ".join(f"{c.name} ({c.curie})" for c in near) or "nothing like it"
    if found:
        raise QueryError(f"{text!r} names several concepts: {listed}. Give the CURIE of one.")
    raise QueryError(f"{text!r} names no concept. The vocabulary has: {listed}.")


def _exact(text: str, vocabulary: Vocabulary) -> set[int]:
    if text.isdecimal() and int(text) in vocabulary:
        return {int(text)}
    if (concept := vocabulary.resolve(text)) is not None:
        return {concept.id}
    for known in (vocabulary.codes("HGNC", "Mutation"), vocabulary.karyotype_keys()):
        if text in known:
            return {known[text]}
    names = {c.id: (c.name, c.code, *vocabulary.synonyms(c.id)) for c in vocabulary.search(text, 20)}
    same = {c for c, given in names.items() if text in given}
    return same or {c for c, given in names.items() if text.casefold() in map(str.casefold, given)}


def _unknown(query: Query, name: str) -> Problem:
    names = ", ".join(p.name for p in query.parameters) or "none"
    return Problem(query.name, None, name, f"the query has no parameter {name!r}.", f"Its parameters: {names}.")


def _problem(query: Query, parameter: Parameter, message: str, advice: str) -> Problem:
    return Problem(query.name, None, parameter.name, message, advice)


def _expected(parameter: Parameter) -> str:
    words = {"concept": "concept, named by id, CURIE, name, synonym or gene symbol", "boolean": "true or false"}
    word = words.get(parameter.scalar, parameter.scalar)
    return f"a list of: {word}" if parameter.many else word if parameter.scalar == "boolean" else f"one {word}"


def _value(parameter: Parameter, given: Any) -> Any:
    if not parameter.many:
        return _scalar(parameter.scalar, given)
    items = given
    if isinstance(given, str):
        # A name may hold a comma, so a list in brackets is read as JSON.
        items = json.loads(given) if given.strip().startswith("[") else [t for t in given.split(",") if t.strip()]
    if not isinstance(items, Sequence):
        items = [items]
    return [_scalar(parameter.scalar, item) for item in items]


def _scalar(type_: str, given: Any) -> Any:
    text = str(given).strip()
    if type_ == "boolean":
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if type_ == "integer":
        return int(text)
    if type_ == "number":
        return float(text)
    return text


# --- reading the files ---------------------------------------------------------------------------------------------


@cache
def _read(path: Path) -> Query:
    title, description, parameters, then = "", [], [], None
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("// "):
            break
        key, _, rest = line.removeprefix("// ").partition(" " if line.startswith("// param ") else ": ")
        if key == "title":
            title = rest
        elif key == "description":
            description.append(rest)
        elif key == "param":
            parameters.append(_parameter(path, rest))
        elif key == "then":
            then = _step(path, rest)
        else:
            raise QueryError(f"{path.name}: the header line {line!r} begins with no known word")
    cypher = path.read_text(encoding="utf-8").strip()
    return Query(path.stem, title, " ".join(description), tuple(parameters), cypher, then)


def _parameter(path: Path, text: str) -> Parameter:
    found = _PARAM.fullmatch(text)
    if not found or found["type"].removeprefix("list of ") not in _SCALARS:
        raise QueryError(f"{path.name}: the parameter {text!r} is not `NAME TYPE = DEFAULT: text`")
    default = found["default"]
    return Parameter(found["name"], found["type"], found["text"], "" if default == "''" else default)


def _step(path: Path, text: str) -> Step:
    found = _STEP.fullmatch(text)
    if not found or found["name"] not in _STEPS:
        raise QueryError(f"{path.name}: the step {text!r} is none of {', '.join(_STEPS)}")
    pairs = (argument.partition("=") for argument in found["arguments"].split(","))
    return Step(found["name"], {name.strip(): value.strip() for name, _, value in pairs})


# --- steps ---------------------------------------------------------------------------------------------------------


def _survival_input(raw: Rows, step: Mapping[str, str], texts: Mapping[str, dict[int, str]]) -> dict[str, list[Any]]:
    """Return ``groups``, ``durations``, ``events`` and ``entries`` as ``analysis.survival`` takes them."""
    rows = raw.dicts()
    names = texts.get(step.get("of", ""), {})
    groups = [group_label(r[step["group"]], names) if names else str(r[step["group"]]) for r in rows]
    columns = {"durations": step["time"], "events": step["event"], "entries": step.get("entry", "")}
    return {"groups": groups} | {name: [r.get(column) for r in rows] for name, column in columns.items()}


def _kaplan_meier(raw: Rows, step: Mapping[str, str], texts: Mapping[str, dict[int, str]]) -> Result:
    given = _survival_input(raw, step, texts)
    survival = kaplan_meier(**given)
    rows = survival.rows()
    columns = tuple(rows[0])
    return Result(
        columns, tuple(tuple(r.values()) for r in rows), raw, False, {"log-rank p": survival.log_rank_p}, given
    )


_STEPS: dict[str, Callable[[Rows, Mapping[str, str], Mapping[str, dict[int, str]]], Result]] = {
    "kaplan-meier": _kaplan_meier,
}
