"""Why a fact is in the graph: node, record, source cells, mapping rows, concepts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from rich.text import Text
from rich.tree import Tree

from haemony.engine.errors import BuildError, QueryError
from haemony.graph_loader.graph import built_with
from haemony.ontology.schema import Schema, read_schema
from haemony.ontology.vocabulary import Vocabulary, read_vocabulary

#: An id may be cut short to this many characters or more, as long as only one record begins so.
SHORTEST_ID = 6


@dataclass(frozen=True)
class SourceCell:
    """A delivered cell that says what the record says; its text stays unread unless it is asked for."""

    partner: str
    table: str
    file: str
    row: int
    column: str
    field: str
    mappings: tuple[str, ...]
    text: str | None = None


@dataclass(frozen=True)
class MappingLine:
    """A row of a partner's mapping files: what it says, who said so, when and why."""

    id: str
    subject: str
    predicate: str
    object: str
    author: str
    reviewer: str
    date: str
    justification: str
    comment: str


@dataclass(frozen=True)
class ConceptLink:
    """A concept that the record names, and the field that names it."""

    field: str
    id: int
    name: str
    vocabulary: str
    code: str


@dataclass(frozen=True)
class BrokenShape:
    """A rule that the record breaks."""

    shape: str
    severity: str
    path: str
    message: str


@dataclass(frozen=True)
class Chain:
    """Everything that led to a node."""

    id: str
    record_class: str
    partners: tuple[str, ...]
    fields: Mapping[str, Any]
    release: str
    sources: tuple[SourceCell, ...] = ()
    mappings: tuple[MappingLine, ...] = ()
    concepts: tuple[ConceptLink, ...] = ()
    disputed: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    broken: tuple[BrokenShape, ...] = ()
    referred_by: Mapping[str, int] = field(default_factory=dict)

    def json(self) -> str:
        """Return the chain as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2)

    def tree(self) -> Tree:
        """Return the chain as a tree for the terminal."""
        root = Tree(Text.assemble((self.record_class, "bold"), f" {self.id}"))
        _branch(root, "record", [f"{k}: {v}" for k, v in self.fields.items()])
        _branch(root, "disputed", self.disputed)
        _branch(root, "flags", self.flags)
        _branch(root, "breaks", [f"{b.shape} ({b.severity}) {b.message}" for b in self.broken])
        _branch(root, "source cells", [_cell_line(cell) for cell in self.sources])
        _branch(root, "mapping rows", [_mapping_line(line) for line in self.mappings])
        title = f"concepts, release {self.release}" if self.release else "concepts"
        _branch(root, title, [_concept_line(link) for link in self.concepts])
        _branch(root, "referred to by", [f"{n} {name}" for name, n in self.referred_by.items()])
        return root


def why(
    build: Path,
    node_id: str,
    *,
    schema: Schema | None = None,
    vocabulary: Vocabulary | None = None,
    read_cell: Callable[[SourceCell], str | None] | None = None,
) -> Chain:
    """Return what led to a node: a record, a shared node such as a variant, a panel, or a concept.

    Delivered texts are shown only where the caller gives ``read_cell``, which reads one from the delivery.
    """
    if not (build / "partners").is_dir():
        raise BuildError(f"there is no build at {build}. Build one first: haemony build")
    evidence = _Evidence(build, schema or read_schema(), vocabulary or read_vocabulary())
    with evidence.connection:
        chain = evidence.chain(node_id.strip())
    if read_cell is None:
        return chain
    return replace(chain, sources=tuple(replace(cell, text=read_cell(cell)) for cell in chain.sources))


class _Evidence:
    """The Parquet files of a build, asked about one node."""

    def __init__(self, build: Path, schema: Schema, vocabulary: Vocabulary) -> None:
        self.connection = duckdb.connect()
        self.build = build
        self.schema = schema
        self.vocabulary = vocabulary

    def chain(self, node: str) -> Chain:
        found = self._find(node)
        if not found:
            if node.isdecimal() and int(node) in self.vocabulary:
                return Chain(node, "Concept", (), {}, self._release(()), concepts=self._links("is", int(node)))
            raise QueryError(
                f"no node {node!r} in {self.build}. Ids are the `id` of a node, as a query returns it"
                + (f"; the first {SHORTEST_ID} characters suffice." if len(node) < SHORTEST_ID else ".")
            )
        found = [(path, record) for path, record in found if record["id"] == node] or found
        if len({record["id"] for _, record in found}) > 1:
            raise QueryError(f"several nodes begin with {node!r}: give more characters of the id")
        path, record = found[0]
        partners = tuple(sorted(p.parent.parent.name for p, _ in found))
        return self._describe(path.stem, record, partners)

    def _describe(self, name: str, record: dict[str, Any], partners: tuple[str, ...]) -> Chain:
        sources = self._sources(record["id"])
        named = [m for cell in sources for m in cell.mappings] + _qualified(
            record.get("mappings"), record.get("dataset")
        )
        return Chain(
            id=record["id"],
            record_class=name,
            partners=partners,
            fields=self._fields(name, record),
            release=self._release(partners),
            sources=sources,
            mappings=self._mappings(dict.fromkeys(named)),
            concepts=self._concepts(name, record),
            disputed=tuple(record.get("disputed") or ()),
            flags=tuple(record.get("flags") or ()),
            broken=self._broken(record["id"]),
            referred_by=self._referred_by(name, record["id"]),
        )

    def _release(self, partners: Sequence[str]) -> str:
        """Return the vocabulary release that a record was built with, which a later build may have left as it was."""
        return str(built_with(self.build, partners[0] if partners else "").get("vocabulary", ""))

    def _find(self, node: str) -> list[tuple[Path, dict[str, Any]]]:
        found = []
        condition = "starts_with(id, ?)" if len(node) >= SHORTEST_ID else "id = ?"
        for path in sorted(self.build.glob("partners/*/records/*.parquet")):
            if path.stem == "Panel" or path.stem in self.schema:
                found += [(path, row) for row in self._rows([path], f"WHERE {condition} ORDER BY id LIMIT 2", node)]
        return found

    def _rows(self, paths: Iterable[Path], rest: str, *values: Any) -> list[dict[str, Any]]:
        files = [str(p) for p in paths if p.is_file()]
        if not files:
            return []
        folder = r"regexp_extract(filename, '.*[/\\]partners[/\\]([^/\\]+)', 1) AS partner_folder"
        source = "read_parquet(?, union_by_name = true, filename = true)"
        sql = f"SELECT *, {folder} FROM {source} {rest}"
        cursor = self.connection.execute(sql, [files, *values])
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _sources(self, record: str) -> tuple[SourceCell, ...]:
        rows = self._rows(
            self.build.glob("partners/*/sources.parquet"),
            'WHERE record_id = ? ORDER BY "table", "row", "column"',
            record,
        )
        return tuple(
            SourceCell(
                r["partner_folder"],
                r["table"],
                r["file"],
                r["row"],
                r["column"],
                r["field"] or "",
                tuple(_qualified(r["mappings"], r["partner_folder"])),
            )
            for r in rows
        )

    def _mappings(self, ids: Iterable[str]) -> tuple[MappingLine, ...]:
        rows = self._rows(
            self.build.glob("partners/*/mappings.parquet"),
            "WHERE list_contains(?, partner || '/' || file || ':' || line)",
            list(ids),
        )
        columns = ("subject", "predicate", "object", "author", "reviewer", "date", "justification", "comment")
        lines = {f"{r['partner']}/{r['file']}:{r['line']}": {c: str(r.get(c) or "") for c in columns} for r in rows}
        return tuple(MappingLine(id=i, **lines[i]) for i in ids if i in lines)

    def _broken(self, record: str) -> tuple[BrokenShape, ...]:
        rows = self._rows(
            self.build.glob("partners/*/violations.parquet"), "WHERE record_id = ? ORDER BY shape", record
        )
        return tuple(BrokenShape(r["shape"], r["severity"], r["path"] or "", r["message"] or "") for r in rows)

    def _fields(self, name: str, record: dict[str, Any]) -> dict[str, Any]:
        if name not in self.schema:
            return {}
        given = {f.name: record.get(f.name) for f in self.schema[name].fields if f.kind != "concept"}
        about = {key: record.get(key) for key in ("dataset", "patient")}
        return {key: _plain(value) for key, value in {**about, **given}.items() if value is not None}

    def _concepts(self, name: str, record: dict[str, Any]) -> tuple[ConceptLink, ...]:
        named = ["covers"] if name == "Panel" else [f.name for f in self.schema[name].fields if f.kind == "concept"]
        return tuple(link for key in named for link in self._links(key, *_items(record.get(key))))

    def _links(self, name: str, *ids: int) -> tuple[ConceptLink, ...]:
        concepts = [self.vocabulary[i] for i in ids]
        return tuple(ConceptLink(name, c.id, c.name, c.vocabulary, c.code) for c in concepts)

    def _referred_by(self, name: str, node: str) -> dict[str, int]:
        """Count the records that refer to a node, by class."""
        counts: dict[str, int] = {}
        for cls in self.schema.records:
            fields = [f.name for f in cls.fields if f.kind == "reference" and f.range == name]
            paths = list(self.build.glob(f"partners/*/records/{cls.name}.parquet"))
            for column in fields:
                if rows := self._rows(paths, f'WHERE "{column}" = ?', node):
                    counts[cls.name] = counts.get(cls.name, 0) + len(rows)
        return counts


def _branch(root: Tree, title: str, lines: Iterable[str]) -> None:
    texts = list(lines)
    if texts:
        branch = root.add(Text(title, style="bold"))
        for text in texts:
            branch.add(Text(text))


def _cell_line(cell: SourceCell) -> str:
    text = "" if cell.text is None else f" = {cell.text!r}"
    made = f" → {cell.field}" if cell.field else ""
    return f"{cell.partner} · {cell.table} · {cell.file}, row {cell.row}, column {cell.column}{text}{made}"


def _concept_line(link: ConceptLink) -> str:
    """Say which concept a field names; a concept that its vocabulary gives no code has none to show."""
    return f"{link.field}: {link.name} ({f'{link.vocabulary} {link.code}'.strip()}, concept {link.id})"


def _mapping_line(line: MappingLine) -> str:
    said = " ".join(filter(None, (line.subject, line.predicate, line.object)))
    who = ", ".join(
        f"{k} {v}" for k, v in (("by", line.author), ("reviewed by", line.reviewer), ("on", line.date)) if v
    )
    rest = "; ".join(filter(None, (who, line.justification, line.comment)))
    return f"{line.id}: {said}" + (f" ({rest})" if rest else "")


def _qualified(mappings: Iterable[str] | None, partner: str | None) -> list[str]:
    """Name mapping rows ``partner/file:line``, as the graph does."""
    return [m if "/" in m or not partner else f"{partner}/{m}" for m in mappings or ()]


def _items(value: Any) -> list[int]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
