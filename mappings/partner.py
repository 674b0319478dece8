"""Read a partner: three files become one checked `Partner`, or one error that lists everything wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from haemony.engine.errors import MappingError, Problem
from haemony.mappings.consistency import check_variables
from haemony.mappings.curie import TABLE_NAME, nearest
from haemony.mappings.dictionary import read_dictionary, read_text, read_tsv
from haemony.mappings.layout import TOP, Reader, read_index, read_last_contact, read_panels, read_prefer, read_tables
from haemony.mappings.model import (
    CONCEPTS,
    DICTIONARY,
    LAYOUT,
    SHAPES,
    ConceptRow,
    Cover,
    Format,
    Index,
    Link,
    PanelSpec,
    Partner,
    PatientKey,
    Row,
    TableSpec,
    Variable,
    Where,
)
from haemony.mappings.quality import read_quality
from haemony.mappings.references import References
from haemony.mappings.sssom import read_concepts
from haemony.mappings.variables import Context, assumed_headers, compile_variables
from haemony.ontology.schema import Schema

if TYPE_CHECKING:
    from haemony.ontology.athena import Athena
    from haemony.ontology.vocabulary import Vocabulary

__all__ = [
    "ConceptRow",
    "Cover",
    "Format",
    "Index",
    "Link",
    "PanelSpec",
    "Partner",
    "PatientKey",
    "Row",
    "TableSpec",
    "Variable",
    "Where",
    "expand",
    "extend_vocabulary",
    "find_partners",
    "read_partner",
    "shape_files",
    "shapes_of",
]


FILES = (LAYOUT, DICTIONARY, CONCEPTS)
#: The partners that come with Haemony.
BUNDLED = Path(__file__).with_name("partners")


#: What a user's own folder of mappings may hold.
HOLDS = ("partners", "shapes", "concepts.csv")


def find_partners(mappings: Path | None = None) -> dict[str, Path]:
    """Return the folders of the bundled partners and of the user's own, by name; the user's own come first.

    A folder counts that holds any of the three files.
    """
    if mappings and not mappings.is_dir():
        raise MappingError([Problem(str(mappings), None, "", "There is no such folder.", "It holds `partners/`.")])
    if mappings and not any((mappings / name).exists() for name in HOLDS):
        advice = f"A folder of mappings holds {', '.join(HOLDS)}, or some of them: name the folder above."
        raise MappingError([Problem(str(mappings), None, "", "The folder holds no mappings.", advice)])
    found: dict[str, Path] = {}
    for home in (BUNDLED, *([mappings / "partners"] if mappings else [])):
        folders = [path for path in sorted(home.glob("*")) if any((path / name).is_file() for name in FILES)]
        found |= {path.name: path for path in folders}
    return dict(sorted(found.items()))


def shape_files(mappings: Path | None) -> tuple[Path, ...]:
    """Return the user's own shapes."""
    return tuple(sorted((mappings / "shapes").glob("*.ttl"))) if mappings else ()


def shapes_of(folder: Path) -> tuple[Path, ...]:
    """Return the shapes of a partner's own: those in its folder, after those of the partners that it is like."""
    reader = Reader(folder / LAYOUT, [])
    folders, _ = _sources(folder, reader, reader.text(reader.top, "partner"))
    return tuple(path for home in reversed(folders) if (path := home / SHAPES).is_file())


def extend_vocabulary(vocabulary: Vocabulary, mappings: Path | None, athena: Athena | None = None) -> Vocabulary:
    """Return the vocabulary with what partners name of an imported one, and the user's own concepts."""
    path = mappings / "concepts.csv" if mappings else None
    own = path if path and path.is_file() else None
    if athena:
        folders = find_partners(mappings).values()
        files = [folder / name for folder in folders for name in (LAYOUT, CONCEPTS)] + ([own] if own else [])
        vocabulary = vocabulary.joined(athena, _curies(files), _formats(folders))
    return vocabulary.extended(own) if own else vocabulary


def _curies(files: Iterable[Path]) -> set[str]:
    """Return all texts of some files that look like CURIEs: what they name is looked up at once."""
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file())
    return {curie for text in texts for curie in re.findall(r"[A-Za-z_][\w.-]*:[^\s|,;\"'\]]+", text)}


def _formats(folders: Iterable[Path]) -> set[str]:
    """Return the words of the dictionaries' formats, the names of vocabularies among them."""
    texts = (read_text(folder / DICTIONARY, "", []) for folder in folders)
    lines = (line for text in texts if text for line in read_tsv(text, 1, "", [])[1])
    return {line.cells.get("format", "").removeprefix("header ") for line in lines} - {""}


def read_partner(folder: Path, vocabulary: Vocabulary, schema: Schema) -> Partner:
    """Read a partner's folder; raise one ``MappingError`` that lists every problem of its three files."""
    problems: list[Problem] = []
    partner = inspect_partner(folder, vocabulary, schema, problems)
    if problems:
        raise MappingError(sort_problems(problems))
    assert partner is not None
    return partner


def inspect_partner(folder: Path, vocabulary: Vocabulary, schema: Schema, problems: list[Problem]) -> Partner | None:
    """Read a partner as far as it can be read, noting every problem; None where there is no layout at all."""
    warnings: list[Problem] = []
    reader = Reader(folder / LAYOUT, problems)
    reader.keys(reader.top, TOP, "")
    name = reader.text(reader.top, "partner", required=bool(reader.top))
    if not reader.top:
        return None  # without a layout, nothing can be said of the other two files
    folders, prefix = _sources(folder, reader, name)
    source = folders[-1]
    rows = read_dictionary(source / DICTIONARY, schema, problems)
    concepts = read_concepts(source / CONCEPTS, prefix, vocabulary, problems, warnings)
    keys = {table: frozenset(r.variable for r in rows if r.table == table) for table in {r.table for r in rows}}
    partner = Partner(
        name=name,
        title=reader.text(reader.top, "title"),
        contact=reader.text(reader.top, "contact"),
        licence=reader.text(reader.top, "licence"),
        folder=folder,
        patients=reader.text(reader.top, "patients", required=True),
        index=read_index(reader),
        last_contact=read_last_contact(reader),
        tables=read_tables(reader, keys),
        panels=read_panels(reader, vocabulary),
        prefer=read_prefer(reader),
        quality=read_quality(reader, folder),
        dictionary=rows,
        concepts=concepts,
        source=source,
        shapes=tuple(path for home in reversed(folders) if (path := home / SHAPES).is_file()),
        warnings=tuple(warnings),
    )
    # A cell that is at fault by itself is not blamed again for what follows from that.
    blamed = {(p.file, p.row, p.column) for p in problems}
    References(partner, schema, reader).check()
    context = Context(partner, vocabulary, schema)
    check_variables(context, compile_variables(context, assumed_headers(partner)))
    problems.extend(p for p in context.problems if (p.file, p.row, p.column) not in blamed)
    return partner


def _sources(folder: Path, reader: Reader, name: str) -> tuple[list[Path], str]:
    """Return a partner's folder and those that it is `like`; the last has the dictionary and the concepts of its name.

    The name is the prefix of the concepts' ids.
    """
    folders = [folder]
    if name and not TABLE_NAME.fullmatch(name):
        reader.problem(reader.top.lines["partner"], "partner", f"{name!r} is no name.", "Use letters, digits, - and _.")
    if name and name != folder.name:
        message = f"The partner {name!r} stands in the folder {folder.name!r}."
        reader.problem(reader.top.lines["partner"], "partner", message, "Give both one name.")
    seen = [folder.name]
    like = reader.text(reader.top, "like")
    line = reader.top.lines.get("like")
    while like:
        for own in (path for path in (folder / DICTIONARY, folder / CONCEPTS) if path.is_file()):
            reader.problem(line, "like", f"The folder has its own {own.name}.", "Remove it, or `like`.")
        beside = [home / like for home in (folder.parent, BUNDLED) if (home / like).is_dir()]
        if not beside or like in seen:
            message = f"There is no partner {like!r} to be like." if not beside else "`like` leads back to itself."
            reader.problem(line, "like", message, "" if beside else nearest(like, find_partners()))
            return folders, name
        seen.append(like)
        folder, name = beside[0], like
        folders.append(folder)
        like = Reader(folder / LAYOUT, []).top.get("like", "") if (folder / LAYOUT).is_file() else ""
    return folders, name


def expand(
    partner: Partner, headers: Mapping[str, Sequence[str]], vocabulary: Vocabulary, schema: Schema
) -> tuple[Variable, ...]:
    """Return one variable for each delivered and derived column; raise ``MappingError`` with all problems.

    ``headers`` gives the column names of each table as delivered.
    """
    context = Context(partner, vocabulary, schema)
    variables = compile_variables(context, headers)
    check_variables(context, variables)
    if context.problems:
        raise MappingError(sort_problems(context.problems))
    return variables


def sort_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems in the order of their places, each once."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.row or 0, p.column, p.message))
