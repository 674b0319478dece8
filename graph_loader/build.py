"""Build: partners' deliveries to a validated graph, complete or not at all.

A build is made in a folder of its own and becomes the current one in a single rename; until then, and for readers who
have it open even after, the former build stays whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from haemony.engine.errors import BuildError, HaemonyError
from haemony.engine.session import Column, Engine, Session, Table, alive, open_session
from haemony.graph_loader.fates import LOADED, NO_LEAD, QUARANTINED
from haemony.graph_loader.graph import MAPPING_COLUMNS, project
from haemony.graph_loader.harmonise import Harmonised, account, harmonise
from haemony.graph_loader.ledger import TOLERATED
from haemony.graph_loader.mixups import write_mixups
from haemony.graph_loader.quality import REJECTED, Scorecard, score, shape_thresholds
from haemony.graph_loader.quarantine import without_quarantined
from haemony.graph_loader.records import RECORDS, shared_records
from haemony.graph_loader.scorecards import delivery_digest, forget_refused, refuse, remember, write_card
from haemony.graph_loader.shapes import read_shapes
from haemony.graph_loader.stores.ladybug import LadybugStore
from haemony.graph_loader.validate import CHECKED, validate
from haemony.mappings.model import CONCEPTS, DICTIONARY, Partner
from haemony.ontology.schema import Schema
from haemony.ontology.vocabulary import Vocabulary

#: The name under which the current build stands in a build folder, and its graph file.
CURRENT: Final = "current"
GRAPH: Final = "graph.lbug"
#: The folder of a partner's own shapes, below the partner's in a build.
SHAPES: Final = "shapes"
#: The mark of a build that is not complete.
PARTIAL: Final = ".partial"

Progress = Callable[[str, str], None]


@dataclass(frozen=True)
class Request:
    """What to build: partners with the folder of each one's delivery, and where."""

    partners: Mapping[str, tuple[Partner, Path]]
    folder: Path
    secret: str = field(repr=False)
    shapes: tuple[Path, ...]
    tolerated: float = TOLERATED
    processes: int = 2
    memory: str | None = None
    engine: Engine = "duckdb"
    spark_master: str | None = None
    reference: bool = False
    accepted: str = ""  # why deliveries are taken that would be rejected


@dataclass(frozen=True)
class PartnerSummary:
    """What became of one partner's delivery."""

    name: str
    title: str
    records: dict[str, int] = field(default_factory=dict)
    cells: dict[str, int] = field(default_factory=dict)
    violations: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    level: str = ""


def current_build(folder: Path) -> Path:
    """Return the current build of a build folder; raise ``BuildError`` where there is none."""
    current = folder / CURRENT
    if not current.exists():
        raise BuildError(
            f"there is no build in {folder}. Make one first: haemony build PARTNER --data DIR, or haemony demo."
        )
    return current.resolve()


def build(
    request: Request, schema: Schema, vocabulary: Vocabulary, progress: Progress = lambda partner, step: None
) -> list[PartnerSummary]:
    """Build the partners of a request into the graph, beside the partners that the former build holds.

    Raises every problem of every partner at once; then the former build stays as it was.
    """
    request.folder.mkdir(parents=True, exist_ok=True)
    with _alone(request.folder):
        return _build(request, schema, vocabulary, progress)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the build folder for one build: a second one would carry over what the first replaces."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BuildError(f"another build is writing to {folder}. Wait until it has ended.") from None
        yield
    finally:
        os.close(descriptor)


def _build(request: Request, schema: Schema, vocabulary: Vocabulary, progress: Progress) -> list[PartnerSummary]:
    target = _new_build(request.folder)
    try:
        summaries = _partners(request, target, schema, vocabulary, progress)
        cards = _score(request, target, schema, summaries)
        summaries = [replace(s, level=card.level) for s, card in zip(summaries, cards, strict=True)]
        _carry_over(request, target)
        _describe(target, vocabulary, summaries)
        if refused := [card for card in cards if card.level == REJECTED and not card.accepted]:
            raise refuse(request.folder, target, refused)
        progress("", "loading the graph")
        tables = project(target, schema, vocabulary, target / "work" / "graph")
        LadybugStore(target / GRAPH).load(tables)
        shutil.rmtree(target / "work", ignore_errors=True)
        _become_current(request.folder, target)
        remember(request.folder, cards)
        forget_refused(request.folder, request.partners)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    return summaries


def _new_build(folder: Path) -> Path:
    builds = folder / "builds"
    builds.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    for abandoned in builds.glob(f"*{PARTIAL}"):
        if not alive(abandoned.name.removesuffix(PARTIAL).rpartition(".")[2]):
            shutil.rmtree(abandoned, ignore_errors=True)  # it may hold what a killed build was reading
    target = builds / f"{stamp}-{uuid4().hex[:6]}.{os.getpid()}{PARTIAL}"
    target.mkdir(mode=0o700)
    return target


def _partners(
    request: Request, target: Path, schema: Schema, vocabulary: Vocabulary, progress: Progress
) -> list[PartnerSummary]:
    summaries: list[PartnerSummary] = []
    problems: list[HaemonyError] = []
    for name, (partner, data) in request.partners.items():
        try:
            summaries.append(_partner(request, partner, data, target, schema, vocabulary, partial(progress, name)))
        except HaemonyError as error:
            problems.append(error)
    if problems:
        kind = type(problems[0]) if len({type(p) for p in problems}) == 1 else BuildError
        raise kind([p for error in problems for p in error.problems])
    return summaries


def _partner(
    request: Request,
    partner: Partner,
    data: Path,
    target: Path,
    schema: Schema,
    vocabulary: Vocabulary,
    progress: Callable[[str], None],
) -> PartnerSummary:
    started = datetime.now(UTC)
    out = target / "partners" / partner.name
    work = target / "work" / partner.name
    with open_session(work, request.engine, memory=request.memory, master=request.spark_master) as session:
        result = harmonise(session, schema, vocabulary, partner, data, request.secret, progress)
        progress("looking for mixed-up units")
        out.mkdir(parents=True, exist_ok=True)
        write_mixups(session, schema, vocabulary, result, read_shapes(request.shapes, schema), out / "mixups.parquet")
        progress("validating")
        violations = out / "violations.parquet"
        validate(
            session.folder / RECORDS,
            (*request.shapes, *partner.shapes),
            vocabulary.ancestors,
            violations,
            request.processes,
            name=lambda c: vocabulary[c].name,
            schema=schema,
            reference=request.reference,
            memory=request.memory,
        )
        _keep_shapes(partner, out)
        progress("writing records and ledger")
        broken = session.read(violations)
        counts, book = keep(session, schema, result, broken, out, request.tolerated)
        return PartnerSummary(
            partner.name,
            partner.title,
            counts,
            _totals(session, book, "fate", book.cells.sum()),
            _totals(session, broken, "severity", broken.count()),
            (datetime.now(UTC) - started).total_seconds(),
        )


def own_shapes(partner: Path) -> tuple[Path, ...]:
    """Return the partner's own shapes as a build keeps them, in the folder of a partner."""
    return (partner / SHAPES,) if (partner / SHAPES).is_dir() else ()


def _keep_shapes(partner: Partner, out: Path) -> None:
    """Keep the partner's own shapes as they were, so that what they found can be read later."""
    for path in partner.shapes:
        kept = out / SHAPES / f"{path.parent.name}.ttl"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, kept)


def keep(
    session: Session, schema: Schema, result: Harmonised, broken: Table, out: Path, tolerated: float
) -> tuple[dict[str, int], Table]:
    """Write what stays of a delivery, given the shapes that its records break; return the counts and the ledger."""
    records, outcast = without_quarantined(session, schema, result.records, broken)
    counts = _write_records(session, schema, result, records, out)
    book, fates = account(session, result, outcast, tolerated)
    session.write(book, out / "ledger.parquet")
    _write_sources(session, result, outcast, fates, out)
    _write_mappings(session, result.delivery.partner, out)
    return counts, book


def _totals(session: Session, table: Table, by: str, number: Column) -> dict[str, int]:
    return {str(key): int(n) for key, n in session.rows(table.group_by(by).agg(n=number).order_by(by))}


def _write_records(
    session: Session, schema: Schema, result: Harmonised, records: Mapping[str, Table], out: Path
) -> dict[str, int]:
    for name, table in records.items():
        session.write(table, out / "records" / f"{name}.parquet")
    written = {name: session.read(out / "records" / f"{name}.parquet") for name in records}
    counts = {name: session.count(table) for name, table in written.items()}
    for shared in schema.shared:
        table = shared_records(schema, shared, written)
        if table is not None:
            session.write(table, out / "records" / f"{shared.name}.parquet")
    patients = written["Patient"]
    tested = result.tested.semi_join(patients, result.tested.patient == patients.id)
    session.write(tested, out / "records" / "tested.parquet")
    session.write(result.panels.semi_join(tested, result.panels.id == tested.panel), out / "records" / "Panel.parquet")
    return counts


def _write_sources(session: Session, result: Harmonised, outcast: Table, fates: Table, out: Path) -> None:
    """Write which cells each record stands on, and every cell that was quarantined."""
    good = result.sources.filter(result.sources.fate == LOADED).anti_join(outcast, "id")
    good = good.join(result.places, "variable").join(result.rules.table, "rule")
    session.write(
        good.select("table", "file", "row", "column", "field", "mappings", "class", record_id="id"),
        out / "sources.parquet",
    )
    issues = fates.filter(fates.fate == QUARANTINED).union(_lost_uses(result, fates))
    session.write(
        issues.select("table", "file", "row", "column", "fate", "reason", "rule").order_by("table", "row", "column"),
        out / "issues.parquet",
    )


def _lost_uses(result: Harmonised, fates: Table) -> Table:
    """Return the cells that load, though something else that they say did not.

    A karyotype stays a karyotype when one finding that it shows is overruled; of a list, some parts may be unmapped.
    Where a cell only ties its row to others, nothing is lost in the record that it does not make there.
    """
    cell = ("table", "row", "column")
    lost = result.sources.filter(result.sources.fate == QUARANTINED).select("variable", "row", lost="reason")
    ended = result.ended.filter((result.ended.state == QUARANTINED) & (result.ended.reason != NO_LEAD))
    ended = ended.select("variable", "row", lost="reason")
    all_ = lost.union(ended).distinct().join(result.places, "variable").select(*cell, "lost")
    loaded = fates.filter(fates.fate == LOADED).join(all_, list(cell))
    return loaded.mutate(reason=loaded.lost).select(*fates.columns)


def _write_mappings(session: Session, partner: Partner, out: Path) -> None:
    """Write the lines of the partner's files, so that a record's mapping rows can be read beside it."""
    rows: list[tuple[Any, ...]] = [
        (
            partner.name,
            DICTIONARY,
            r.line,
            f"{r.table}.{r.variable}",
            r.use,
            _target(r.record_class, r.tag, r.field),
            "",
            "",
            "",
            "",
            r.note or r.label,
        )
        for r in partner.dictionary
    ]
    rows += [
        (
            partner.name,
            CONCEPTS,
            c.line,
            f"{c.table}.{c.variable}" + (f" = {c.text}" if c.text is not None else ""),
            c.predicate,
            f"{c.object_curie} {c.object_label}".strip(),
            c.author,
            c.reviewer,
            c.date,
            c.justification,
            c.comment,
        )
        for c in partner.concepts
    ]
    columns = {name: pa.int64() if name == "line" else pa.string() for name in MAPPING_COLUMNS}
    session.write(session.table("mappings", columns, rows), out / "mappings.parquet")


def _target(record_class: str, tag: str, field_name: str) -> str:
    return ".".join(part for part in (f"{record_class}#{tag}" if tag else record_class, field_name) if part)


def _score(request: Request, target: Path, schema: Schema, summaries: Sequence[PartnerSummary]) -> list[Scorecard]:
    """Write the scorecard of each delivery."""
    cards = []
    for summary in summaries:
        partner, data = request.partners[summary.name]
        out = target / "partners" / summary.name
        own = shape_thresholds(read_shapes([*request.shapes, *partner.shapes], schema))
        card = score(
            summary.name,
            pq.read_table(out / CHECKED).to_pylist(),
            summary.cells,
            own=own,
            agreed=partner.quality,
            build=_build_id(target),
            built_at=datetime.now(UTC).isoformat(timespec="seconds"),
            delivery=delivery_digest(partner, data, request.secret),
            accepted=request.accepted,
        )
        write_card(card, out)
        cards.append(card)
    return cards


def _carry_over(request: Request, target: Path) -> None:
    """Take over the partners that this build does not touch, as links to the same files."""
    current = request.folder / CURRENT
    if not current.exists():
        return
    for former in sorted((current / "partners").iterdir()):
        if former.name not in request.partners:
            shutil.copytree(former, target / "partners" / former.name, copy_function=_link_or_copy)


def _build_id(target: Path) -> str:
    return target.name.removesuffix(PARTIAL).rpartition(".")[0]


def _link_or_copy(source: str, target: str) -> None:
    """Link a file, or copy it where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _describe(target: Path, vocabulary: Vocabulary, summaries: Sequence[PartnerSummary]) -> None:
    """Write what the build is; each partner keeps what it was built with when later builds carry it over."""
    built = {
        "id": _build_id(target),
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "vocabulary": vocabulary.release,
    }
    partners = sorted(p.name for p in (target / "partners").iterdir())
    (target / "build.json").write_text(json.dumps({**built, "partners": partners}, indent=2) + "\n")
    for summary in summaries:
        about = {**summary.__dict__, "built": built}
        (target / "partners" / summary.name / "summary.json").write_text(json.dumps(about, indent=2) + "\n")


def _become_current(folder: Path, target: Path) -> None:
    """Make a complete build the current one in a single rename, and remove the former ones."""
    complete = target.with_name(_build_id(target))
    target.rename(complete)
    link = folder / f".{CURRENT}-{uuid4().hex[:6]}"
    link.symlink_to(Path("builds") / complete.name)
    os.replace(link, folder / CURRENT)
    for former in (folder / "builds").iterdir():
        if former != complete and not former.name.endswith(PARTIAL):
            shutil.rmtree(former, ignore_errors=True)
