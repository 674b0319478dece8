"""From results to violations: which record, which values, and the shape's message with both in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pyarrow as pa
from rdflib import SH, Graph
from rdflib.term import Node

from haemony.engine.session import Session
from haemony.engine.sql import quoted
from haemony.graph_loader.rdf import CONCEPT, RECORD, concept_id, placeholders
from haemony.graph_loader.record_columns import CONCEPTS, RECORDS
from haemony.graph_loader.record_layout import ABOVE, LISTS, RecordLayout
from haemony.graph_loader.shapes import SEVERITIES, path_text, shape_id
from haemony.ontology.schema import HAEMONY
from haemony.shapes import algebra as a
from haemony.shapes.layout import Place, Sort
from haemony.shapes.query import Query, Sql
from haemony.shapes.reader import read_path
from haemony.shapes.tables import Names
from haemony.shapes.validation import RESULTS, Validation

#: The columns of a violation that are texts; lists of mapping rows and source cells follow.
VIOLATIONS: Final[dict[str, pa.DataType]] = dict.fromkeys(
    ("record_id", "class", "patient", "shape", "severity", "component", "path", "value", "message"), pa.string()
)
#: The name under which a message asks for the values at fault, and for the record.
VALUE, FOCUS = "value", "focus"
#: Numbers are shown without idle noughts.
SHORT = r"^-?[0-9]+\.[0-9]+$"


def nothing_found(session: Session) -> None:
    """Keep an empty table of violations."""
    kinds = {**dict.fromkeys(VIOLATIONS, "VARCHAR"), **dict.fromkeys(LISTS, "VARCHAR[]")}
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in kinds.items())
    session.keep("violations", f"SELECT {columns} WHERE FALSE")


def keep_violations(
    validation: Validation, layout: RecordLayout, shapes: Graph, name: Callable[[int], str] | None
) -> None:
    """Run a validation, and keep the table ``violations``."""
    validation.keep()
    broken = {validation.rules[int(n)].shape for (n,) in validation.session.ask(f"SELECT DISTINCT rule FROM {RESULTS}")}
    if broken:
        _Words(validation, layout, shapes, name, sorted(broken, key=lambda s: str(s.node))).keep()


class _Words:
    """What the messages of the broken shapes say."""

    def __init__(
        self,
        validation: Validation,
        layout: RecordLayout,
        shapes: Graph,
        name: Callable[[int], str] | None,
        broken: Sequence[a.Shape],
    ) -> None:
        self.validation, self.layout, self.graph, self.broken = validation, layout, shapes, broken
        self.session = validation.session
        self.numbers = {shape: number for number, shape in enumerate(broken)}
        self._keep_rules()
        self._keep_names(name)

    def keep(self) -> None:
        """Keep ``violations``: each result with its record, values and message."""
        self.session.keep("shown", " UNION ".join(self._shown()))
        self.session.keep("said", " UNION ALL ".join(self._said()))
        spoken = "string_agg(d.said, ', ' ORDER BY d.text) AS said, string_agg(d.text, ', ' ORDER BY d.text) AS text"
        joined = "shown AS w JOIN said AS d ON d.sort = w.sort AND d.value = w.value"
        self.session.keep("spoken", f"SELECT w.shape, w.focus, w.name, {spoken} FROM {joined} GROUP BY ALL")
        foci = f"SELECT {_node(RECORDS, 'focus')} AS n FROM {RESULTS} WHERE focus_sort = '{RECORDS.name}'"
        self.layout.keep_subjects("subjects", foci)
        self.session.keep("violations", self._violations())

    # --- small tables

    def _keep_rules(self) -> None:
        columns = {
            "rule": pa.int32(),
            "shape": pa.int32(),
            **dict.fromkeys(("id", "severity", "component", "path", "message"), pa.string()),
        }
        rows = [
            (
                *(number, self.numbers[rule.shape], shape_id(rule.shape.node), SEVERITIES[rule.shape.severity]),
                *(rule.component, path_text(self.graph, rule.shape.node), self._template(rule.shape)),
            )
            for number, rule in enumerate(self.validation.rules)
            if rule.shape in self.numbers
        ]
        self.session.keep_rows("rules", columns, rows)

    def _keep_names(self, name: Callable[[int], str] | None) -> None:
        """Keep how concepts are said: those of the records and those above them."""
        concepts = {c for pair in self.session.ask(f"SELECT DISTINCT concept, ancestor FROM {ABOVE}") for c in pair}
        rows = [(c, _said(c, name)) for c in sorted(concepts | self.layout.concepts)]
        self.session.keep_rows("concept_names", {"concept": pa.int64(), "said": pa.string()}, rows)

    def _template(self, shape: a.Shape) -> str:
        return str(self.graph.value(shape.node, SH.message) or "")

    # --- what is shown

    def _shown(self) -> Iterator[str]:
        kinds = {"shape": "INTEGER", "focus": "VARCHAR", "name": "VARCHAR", "sort": "VARCHAR", "value": "VARCHAR"}
        yield f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {name}' for name, kind in kinds.items())} WHERE FALSE"
        for shape in self.broken:
            yield from self._values(shape)
            for word in dict.fromkeys(placeholders(self._template(shape))):
                if word not in (VALUE, FOCUS):
                    yield from self._walked(shape, word, a.Predicate(HAEMONY[word]))

    def _values(self, shape: a.Shape) -> Iterator[str]:
        """Select the values at fault: those that the shape shows, that its results carry, or that its path has."""
        shows = self.graph.value(shape.node, HAEMONY.shows)
        if shows is not None:
            among = frozenset(self.graph.objects(shape.node, HAEMONY.among))
            yield from self._walked(shape, VALUE, read_path(self.graph, shows), among)
        elif shape.path is not None and not any(isinstance(c, a.HasValue) for c in shape.constraints):
            yield from self._walked(shape, VALUE, shape.path, bare=True)

    def _walked(
        self, shape: a.Shape, name: str, path: a.Path, among: frozenset[Node] = frozenset(), bare: bool = False
    ) -> Iterator[str]:
        """Select what a path leads to from the nodes that break a shape; if ``bare``, from results without a value."""
        number = self.numbers[shape]
        for sort in self.validation.layout.sorts:
            rules = f"rule IN (SELECT rule FROM rules WHERE shape = {number})"
            which = f"{rules} AND focus_sort = '{sort.name}'{' AND value IS NULL' if bare else ''}"
            foci = f"(SELECT DISTINCT {_node(sort, 'focus')} AS node, focus FROM {RESULTS} WHERE {which})"
            alias = f"f_{sort.name}"
            start = Place(Sql(f"{alias}.node"), sort, Query((f"{foci} AS {alias}",)))
            for end in self.validation.planner.walk(start, path):
                assert end.query is not None
                seen = end.query.only(Sql(self._among(end, among))) if among else end.query
                value = f"'{end.sort.name}' AS sort, {self.validation.layout.text(end.sort, end.node)} AS value"
                columns = f"CAST({number} AS INTEGER) AS shape, {alias}.focus AS focus, {quoted(name)} AS name"
                yield seen.select(f"{columns}, {value}")

    def _among(self, end: Place, among: frozenset[Node]) -> str:
        if end.sort != CONCEPTS:
            return "FALSE"
        chosen = ", ".join(str(c) for node in sorted(among, key=str) if (c := concept_id(node)) is not None)
        return f"{end.node} IN (SELECT concept FROM {ABOVE} WHERE ancestor IN ({chosen}))"

    def _said(self) -> Iterator[str]:
        """Select how each value is written, and how a message says it."""
        found = f"SELECT sort, value FROM shown UNION SELECT value_sort, value FROM {RESULTS} WHERE value IS NOT NULL"
        self.session.keep("values_found", found)
        for sort in self.validation.layout.all_sorts:
            of_sort = f"(SELECT value FROM values_found WHERE sort = '{sort.name}') AS x"
            text, said, join = _speech(sort, self.layout.all_ids)
            yield f"SELECT '{sort.name}' AS sort, x.value, {text} AS text, {said} AS said FROM {of_sort} {join}"

    # --- all together

    def _violations(self) -> str:
        """Select the violations: a result's own value first, else what its shape shows."""
        shows = [str(self.numbers[s]) for s in self.broken if self.graph.value(s.node, HAEMONY.shows) is not None]
        shown = f"g.shape IN ({', '.join(shows)})" if shows else "FALSE"
        own = f"(r.value IS NOT NULL AND NOT ({shown}))"
        self_ = "(r.value = r.focus AND r.value_sort = r.focus_sort)"
        value = f"CASE WHEN {own} THEN CASE WHEN {self_} THEN '' ELSE o.text END ELSE COALESCE(v.text, '') END"
        said = _or_none(f"CASE WHEN {own} THEN CASE WHEN {self_} THEN NULL ELSE o.said END ELSE v.said END")
        names = dict.fromkeys(
            n for s in self.broken for n in placeholders(self._template(s)) if n not in (VALUE, FOCUS)
        )
        message, joins = "g.message", []
        for number, name in enumerate(names):
            alias = f"n{number}"
            on = f"{alias}.shape = g.shape AND {alias}.focus = r.focus AND {alias}.name = {quoted(name)}"
            joins.append(f"LEFT JOIN spoken AS {alias} ON {on}")
            message = f"replace({message}, '{{{name}}}', {_or_none(f'{alias}.said')})"
        others = [s for s in self.validation.layout.sorts if s != RECORDS and isinstance(s, Names)]
        iris = " ".join(f"WHEN '{s.name}' THEN concat('{s.prefix}', r.focus)" for s in others)
        record = f"replace(COALESCE(s.id, CASE r.focus_sort {iris} ELSE r.focus END), '{RECORD}', '')"
        message = f"replace(replace({message}, '{{{FOCUS}}}', {record}), '{{{VALUE}}}', {said})"
        subject = f"{record} AS record_id, COALESCE(s.class, '') AS class, COALESCE(s.patient, '') AS patient"
        rule = "g.id AS shape, g.severity, g.component, g.path"
        lists = ", ".join(f"COALESCE(s.{c}, CAST([] AS VARCHAR[])) AS {c}" for c in LISTS)
        columns = f"{subject}, {rule}, {value} AS value, {message} AS message, {lists}"
        of_record = f"s.n = CASE WHEN r.focus_sort = '{RECORDS.name}' THEN CAST(r.focus AS BIGINT) END"
        return (
            f"SELECT DISTINCT {columns} FROM {RESULTS} AS r JOIN rules AS g ON g.rule = r.rule "
            f"LEFT JOIN subjects AS s ON {of_record} "
            f"LEFT JOIN spoken AS v ON v.shape = g.shape AND v.focus = r.focus AND v.name = '{VALUE}' "
            f"LEFT JOIN said AS o ON o.sort = r.value_sort AND o.value = r.value {' '.join(joins)}"
        )


def _or_none(said: str) -> str:
    return f"COALESCE(nullif({said}, ''), 'none')"


def _speech(sort: Sort, ids: str) -> tuple[str, str, str]:
    """Return a value ``x.value`` as text, as a message says it, and the join that both need."""
    if sort == CONCEPTS:
        join = "LEFT JOIN concept_names AS w ON w.concept = CAST(x.value AS BIGINT)"
        return f"concat('{CONCEPT}', x.value)", "COALESCE(w.said, concat('concept ', x.value))", join
    if sort == RECORDS:
        join = f"LEFT JOIN ({ids}) AS i ON i.node = CAST(x.value AS BIGINT)"
        return f"concat('{RECORD}', i.text)", "i.text", join
    if isinstance(sort, Names):
        return f"concat('{sort.prefix}', x.value)", "x.value", ""
    short = f"CASE WHEN regexp_matches(x.value, '{SHORT}') THEN rtrim(rtrim(x.value, '0'), '.') ELSE x.value END"
    return "x.value", short, ""


def _node(sort: Sort, column: str) -> str:
    """Return the node that a result's text names."""
    return f"CAST({column} AS BIGINT)" if isinstance(sort, Names) and sort.number else column


def _said(concept: int, name: Callable[[int], str] | None) -> str:
    try:
        known = name(concept) if name else ""
    except LookupError:
        known = ""
    return f"{known} ({concept})" if known else f"concept {concept}"
