"""Readings: what a text means to a reader (ISCN, HGVS), found once per distinct text and joined back as a table."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from haemony.engine.session import Session, Table
from haemony.nomenclature.hgvs import read_hgvs_c, read_hgvs_p
from haemony.nomenclature.iscn import Karyotype, read_karyotype
from haemony.ontology.vocabulary import Vocabulary

COLUMNS = {
    "reader": pa.string(),
    "read_text": pa.string(),
    "normal_text": pa.string(),
    "findings": pa.list_(pa.int64()),
    "clones": pa.int64(),
    "sex_chromosomes": pa.string(),
    "partly": pa.bool_(),
}


def read_distinct(session: Session, cells: Table, vocabulary: Vocabulary) -> Table:
    """Read every distinct text of the cells that a reader is named for.

    A text that its reader cannot read gets no row; its cell becomes unreadable.
    """
    texts = cells.filter(cells.reader != "").select("reader", "text").distinct()
    rows = [row for reader, text in session.rows(texts) for row in _reading(reader, text, vocabulary)]
    return session.table("readings", COLUMNS, rows)


def _reading(reader: str, text: str, vocabulary: Vocabulary) -> Iterable[tuple[object, ...]]:
    if reader == "iscn":
        karyotype = read_karyotype(text)
        if karyotype.readable:
            clones, sex = len(karyotype.clones), karyotype.sex_chromosomes or None
            yield (reader, text, text, findings(karyotype, vocabulary), clones, sex, _partly(karyotype))
        return
    normal = read_hgvs_c(text) if reader == "hgvs_c" else read_hgvs_p(text)
    if normal is not None:
        yield (reader, text, normal, None, None, None, False)


def _partly(karyotype: Karyotype) -> bool:
    """Tell whether some of a karyotype was not understood, or is said to be incomplete."""
    return bool(karyotype.unread) or any(clone.incomplete for clone in karyotype.clones)


def findings(karyotype: Karyotype, vocabulary: Vocabulary) -> list[int]:
    """Return the concepts that a karyotype shows: of each abnormality the most specific ones in the vocabulary."""
    known = vocabulary.karyotype_keys()
    found: set[int] = set()
    for keys in (*karyotype.keys, *((key,) for key in karyotype.summary)):
        concepts = {known[key] for key in keys if key in known}
        found |= {c for c in concepts if not any(c != d and vocabulary.is_a(d, c) for d in concepts)}
    return sorted(found)
