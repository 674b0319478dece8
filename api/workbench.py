"""The workbench: what every door needs, read once and only when it is needed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from uuid import uuid4

from haemony.api.settings import Settings
from haemony.engine.errors import BuildError, DeliveryError, MappingError, Problem
from haemony.engine.on_duckdb import DuckDBSession
from haemony.graph_loader.build import CURRENT, GRAPH, PARTIAL, PartnerSummary, Request, build, current_build
from haemony.graph_loader.read import Header, read_headers, read_secret, scan_rows
from haemony.graph_loader.shapes import file_label
from haemony.graph_loader.stores.ladybug import LadybugStore
from haemony.mappings.curie import nearest
from haemony.mappings.model import Partner
from haemony.mappings.partner import expand, extend_vocabulary, find_partners, inspect_partner, shape_files, shapes_of
from haemony.mappings.variables import assumed_headers
from haemony.ontology import schema as schema_module
from haemony.ontology.schema import Schema, read_schema
from haemony.ontology.vocabulary import Vocabulary, read_vocabulary

SHAPES = Path(schema_module.__file__).with_name("shapes")

Progress = Callable[[str, str], None]


class Workbench:
    """Opens what the settings name: vocabulary, schema, partners, shapes, and the current build."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Return the vocabulary with what partners name of the imported one, and the user's own concepts."""
        return extend_vocabulary(read_vocabulary(), self.settings.mappings, self.settings.athena())

    @cached_property
    def schema(self) -> Schema:
        """Return the record classes."""
        return read_schema()

    def name(self, concept: int) -> str:
        """Return the name of a concept, or its id where the vocabulary does not know it."""
        return self.vocabulary[concept].name if concept in self.vocabulary else str(concept)

    @property
    def shapes(self) -> tuple[Path, ...]:
        """Return the built-in shapes and the user's own."""
        return (SHAPES, *shape_files(self.settings.mappings))

    @property
    def current(self) -> Path:
        """Return the current build; raise ``BuildError`` where there is none."""
        return current_build(self.settings.build)

    def store(self) -> LadybugStore:
        """Return the graph of the current build."""
        return LadybugStore(self.current / GRAPH)

    def deliveries(self, names: Sequence[str], data: Path) -> tuple[dict[str, Partner], dict[str, str]]:
        """Return the partners to build from a folder, and why others are left out.

        Without names these are all partners of whom any file is there; of several ways to read the same files (`like`)
        the first. Raises one error with every fault of all three
        files of every partner and of the structure of what they deliver: a file that is missing is one.
        """
        if not data.is_dir():
            raise DeliveryError([Problem(str(data), None, "", "there is no such folder.", "Pass another --data.")])
        found = find_partners(self.settings.mappings)
        problems = [_unknown(name, found) for name in names if name not in found]
        problems += self.shape_faults()
        chosen: dict[str, Partner] = {}
        left_out: dict[str, str] = {}
        headers: dict[str, dict[str, Header]] = {}
        for name in [n for n in dict.fromkeys(names or found) if n in found]:
            own: list[Problem] = []
            partner = inspect_partner(found[name], self.vocabulary, self.schema, own)
            files = [table.file for table in partner.tables.values()] if partner else []
            if not names and files and not any((data / file).is_file() for file in files):
                left_out[name] = self._left_out(name, files)
                continue
            if not names and partner and (twin := _twin(partner, chosen.values())):
                left_out[name] = f"it reads files of {twin}, which is built; name it to have it built"
                continue
            problems += own
            if partner:
                problems += self.shape_faults(partner.shapes)
                chosen[name] = partner
                headers[name], faults = self._headers(partner, data)
                problems += faults
        if problems:
            with working_folder(self.settings.build) as folder:
                problems += [p for name in chosen for p in _broken_rows(folder / name, chosen[name], headers[name])]
            in_mappings = all(p.file.endswith((".tsv", ".yaml", ".ttl")) for p in problems)
            raise (MappingError if in_mappings else DeliveryError)(dict.fromkeys(problems))
        if not chosen:
            raise BuildError([Problem(name, None, "", f"left out: {why}.") for name, why in left_out.items()])
        return chosen, left_out

    def shape_faults(self, own: Sequence[Path] = ()) -> list[Problem]:
        """Return what is wrong with a partner's own shapes, or with the user's where none are given."""
        from haemony.graph_loader.own_shapes import check_shapes

        users = shape_files(self.settings.mappings)
        if own:
            return [p for p in check_shapes(own, self.shapes, self.schema) if p.file in {"", *map(file_label, own)}]
        return check_shapes(users, (SHAPES,), self.schema) if users else []

    def check_shapes(self, names: Sequence[str]) -> list[Problem]:
        """Return what is wrong with the user's shapes, and with those of the named partners (all, without names)."""
        found = find_partners(self.settings.mappings)
        files = dict.fromkeys(shapes_of(found[name]) for name in names or found if name in found)
        return [*self.shape_faults(), *(p for own in files if own for p in self.shape_faults(own))]

    def _left_out(self, name: str, files: Sequence[str]) -> str:
        """Say why a partner is left out, and that the graph keeps what the former build holds of it."""
        why = f"{files[0]} is not there" + (f", nor {len(files) - 1} more" if files[1:] else "")
        held = (self.settings.build / CURRENT / "partners" / name).is_dir()
        return f"{why}; what the former build holds of it stays in the graph" if held else why

    def _headers(self, partner: Partner, data: Path) -> tuple[dict[str, Header], list[Problem]]:
        """Return the headers of a delivery, and what they show to be wrong; a build would find it only in its turn."""
        headers: dict[str, Header] = {}
        problems: list[Problem] = []
        for name, table in partner.tables.items():
            try:
                headers |= read_headers(replace(partner, tables={name: table}), data)
            except DeliveryError as error:
                problems += error.problems
        columns = assumed_headers(partner) | {name: list(header.columns) for name, header in headers.items()}
        try:
            expand(partner, columns, self.vocabulary, self.schema)
        except MappingError as error:
            problems += error.problems
        return headers, problems

    def build(
        self,
        partners: Iterable[Partner],
        data: Path,
        progress: Progress,
        accepted: str = "",
        *,
        reference: bool = False,
    ) -> list[PartnerSummary]:
        """Build partners from a folder of deliveries into the current build; validate with the ``reference`` engine.

        A delivery that is rejected for its quality is refused, unless ``accepted`` says why it is taken.
        """
        settings = self.settings
        request = Request(
            partners={partner.name: (partner, data) for partner in partners},
            folder=settings.build,
            secret=read_secret(settings.checked_secret_file()),
            shapes=self.shapes,
            tolerated=settings.tolerate,
            processes=settings.processes,
            memory=settings.memory,
            engine=settings.engine,
            spark_master=settings.spark_master,
            accepted=accepted.strip(),
            reference=reference,
        )
        return build(request, self.schema, self.vocabulary, progress)


def _unknown(name: str, found: Iterable[str]) -> Problem:
    return Problem("", None, "", f"there is no partner {name!r}.", nearest(name, list(found)))


def _twin(partner: Partner, chosen: Iterable[Partner]) -> str:
    """Return the partner that is mapped alike and reads some of the same files: one delivery makes patients once."""
    files = {table.file for table in partner.tables.values()}
    twins = (p for p in chosen if p.source == partner.source)
    return next((p.name for p in twins if files & {table.file for table in p.tables.values()}), "")


def _broken_rows(folder: Path, partner: Partner, headers: Mapping[str, Header]) -> list[Problem]:
    """Return the broken rows of a delivery that is refused anyway, so that they are listed with the rest."""
    with DuckDBSession(folder) as session:
        return scan_rows(session, partner, headers)


@contextmanager
def working_folder(build_folder: Path) -> Iterator[Path]:
    """Make a private folder below the build folder for copies of what is delivered, and remove it afterwards.

    It is named as a build that is not complete: where this process is killed, the next build clears it away.
    """
    folder = build_folder / "builds" / f"check-{uuid4().hex[:6]}.{os.getpid()}{PARTIAL}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
