"""The commands about concepts: a user's own import of the OMOP vocabularies, search, one concept, its ancestors."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from haemony.api.console import Format, note, show, show_json, show_rows, table
from haemony.api.options import Form, Json, settings_of
from haemony.engine.errors import QueryError

if TYPE_CHECKING:
    from haemony.ontology.concept import Concept
    from haemony.ontology.vocabulary import Vocabulary

vocabulary = typer.Typer(no_args_is_help=True, help="The concepts that mappings and queries name.")

NamedConcept = Annotated[str, typer.Argument(metavar="CONCEPT", help="A concept id or CURIE.")]


@vocabulary.command("import", epilog="Example: haemony vocabulary import ~/Downloads/vocabulary_download_v5")
def vocabulary_import(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="Your download of Athena: its folder, or the zip.")],
    as_json: Json = False,
) -> None:
    """Take in your own download of the OMOP vocabularies, so that mappings may name its concepts."""
    from haemony.ontology.athena import Athena
    from haemony.ontology.athena_import import import_athena

    folder = settings_of(ctx).athena_folder()
    rows = import_athena(source, folder)
    athena = Athena(folder)
    vocabularies = athena.vocabularies()
    if as_json:
        about = {"folder": str(folder), "release": athena.release, "rows": rows, "vocabularies": vocabularies}
        show_json(about)
        return
    show(Text(f"Release {athena.release}, kept in {folder}."))
    show(table(("table", "rows"), list(rows.items())), table(("vocabulary", "concepts"), list(vocabularies.items())))
    note("Next: haemony vocabulary search TEXT; mappings may name OMOP:ID, or VOCABULARY:CODE.")


@vocabulary.command("search", epilog="Example: haemony vocabulary search Thrombozyten")
def vocabulary_search(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="A name, abbreviation or code.")],
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 10,
    as_json: Json = False,
    form: Form = Format.table,
) -> None:
    """Find concepts by name, synonym or code, in the built-in vocabulary and in the imported one."""
    words = _vocabulary(ctx)
    athena = settings_of(ctx).athena()
    found = words.search_all(athena, text, limit) if athena else words.search(text, limit)
    rows = [(c.curie, c.name, c.record_class, c.domain, c.standard, str(c.id)) for c in found]
    columns = ("curie", "name", "class", "domain", "standard", "concept_id")
    show_rows(columns, rows, Format.json if as_json else form)


@vocabulary.command("show", epilog="Example: haemony vocabulary show haemony:flt3-itd")
def vocabulary_show(ctx: typer.Context, concept: NamedConcept, as_json: Json = False) -> None:
    """Show a concept: its names, what it is a kind of, what it maps to, and where it comes from."""
    words, found = _concept(ctx, concept)
    above = sorted(words.ancestors(found.id) - {found.id})
    linked = {"maps_to": words.maps_to(found.id), "replaced_by": words.successor(found.id)}
    if not found.invalid_reason:
        linked.pop("replaced_by")
    about: dict[str, Any] = {
        **found.__dict__, "curie": found.curie, "synonyms": list(words.synonyms(found.id)),
        **{key: _named(words, other) for key, other in linked.items() if other not in (None, found.id)},
        "ancestors": [words[a].name for a in above], "descendants": len(words.descendants(found.id)) - 1,
    }  # fmt: skip
    if as_json:
        show_json(about)
    else:
        rows = [(key, str(value) if key == "id" else value) for key, value in about.items() if value not in ("", [])]
        show(table(("", ""), rows))


@vocabulary.command("ancestors", epilog="Example: haemony vocabulary ancestors haemony:flt3-itd")
def vocabulary_ancestors(
    ctx: typer.Context, concept: NamedConcept, as_json: Json = False, form: Form = Format.table
) -> None:
    """Show all that a concept is a kind of, the nearest first."""
    words, found = _concept(ctx, concept)
    rows = [(steps, words[a].curie, words[a].name, str(a)) for a, steps in _distances(words, found.id)]
    show_rows(("steps", "curie", "name", "concept_id"), rows, Format.json if as_json else form)


def _distances(words: Vocabulary, start: int) -> list[tuple[int, int]]:
    """Return the ancestors of a concept with the fewest steps to each; inferred ones without a path count one step."""
    steps = {start: 0}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        for parent in words.parents(here):
            if parent in words and parent not in steps:
                steps[parent] = steps[here] + 1
                queue.append(parent)
    found = {a: steps.get(a, 1) for a in words.ancestors(start) - {start} if a in words}
    return sorted(found.items(), key=lambda pair: (pair[1], words[pair[0]].name))


def _named(words: Vocabulary, concept_id: int | None) -> str:
    if concept_id is None or concept_id not in words:
        return f"OMOP:{concept_id}"
    return f"{words[concept_id].curie} {words[concept_id].name}"


def _vocabulary(ctx: typer.Context) -> Vocabulary:
    from haemony.mappings.partner import extend_vocabulary
    from haemony.ontology.vocabulary import read_vocabulary

    return extend_vocabulary(read_vocabulary(), settings_of(ctx).mappings)


def _concept(ctx: typer.Context, text: str) -> tuple[Vocabulary, Concept]:
    """Return the concept that a text names, in a vocabulary that holds all its ancestors."""
    words = _vocabulary(ctx)
    curie = f"OMOP:{text}" if text.isdecimal() else text
    if athena := settings_of(ctx).athena():
        words = words.joined(athena, [curie])
    found = words.resolve(curie)
    if found is None:
        raise QueryError(f"there is no concept {text!r}. Look for it: haemony vocabulary search TEXT.")
    return words, found
