"""Readings: what a text means to a reader (ISCN, HGVS), found once per distinct text and joined back as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from haemony.engine.session import Session, Table
from haemony.nomenclature.hgvs import read_hgvs_c, read_hgvs_p
from haemony.nomenclature.iscn import IPSSR_GROUPS, Karyotype, read_karyotype
from haemony.ontology.vocabulary import Vocabulary

#: The fields of a Karyotype that its text fills.
READ_FIELDS: Final = {
    "clones": pa.int64(),
    "sex_chromosomes": pa.string(),
    "abnormalities": pa.int64(),
    "cells": pa.int64(),
    "lost": pa.string(),
    "gained": pa.string(),
    "ipssr_group": pa.int64(),
    "not_read": pa.string(),
}
COLUMNS: Final = {
    "reader": pa.string(),
    "read_text": pa.string(),
    "normal_text": pa.string(),
    "findings": pa.list_(pa.int64()),
    "partly": pa.bool_(),
    **READ_FIELDS,
}


def read_distinct(session: Session, cells: Table, vocabulary: Vocabulary) -> Table:
    """Read every distinct text of the cells that a reader is named for.

    A text that its reader cannot read gets no row; its cell becomes unreadable.
    """
    texts = cells.filter(cells.reader != "").select("reader", "text").distinct()
    karyotypes = KaryotypeReadings(vocabulary)
    rows = [row for reader, text in session.rows(texts) for row in _reading(reader, text, karyotypes)]
    return session.table("readings", COLUMNS, rows)


def _reading(reader: str, text: str, karyotypes: KaryotypeReadings) -> Iterable[tuple[object, ...]]:
    if reader == "iscn":
        karyotype = read_karyotype(text)
        if karyotype.readable:
            shown = karyotypes.findings(karyotype)
            yield (reader, text, text, shown, not karyotype.whole, *karyotypes.fields(karyotype))
        return
    normal = read_hgvs_c(text) if reader == "hgvs_c" else read_hgvs_p(text)
    if normal is not None:
        yield (reader, text, normal, None, False, *[None] * len(READ_FIELDS))


class KaryotypeReadings:
    """Give karyotypes the concepts of a vocabulary; what one abnormality shows is looked up once."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._known = vocabulary.karyotype_keys()
        self._shown: dict[tuple[str, ...], frozenset[int]] = {}
        groups = {group: vocabulary.resolve(f"haemony:ipssr-cytogenetic-{group}") for group in IPSSR_GROUPS}
        self._groups = {group: concept.id for group, concept in groups.items() if concept is not None}

    def findings(self, karyotype: Karyotype) -> list[int]:
        """Return the concepts that a karyotype shows: of each abnormality, and of the whole, the most specific ones."""
        return sorted(frozenset().union(*map(self._concepts, (*karyotype.keys, karyotype.summary))))

    def _concepts(self, keys: tuple[str, ...]) -> frozenset[int]:
        found = self._shown.get(keys)
        if found is None:
            found = self._vocabulary.most_specific(self._known[key] for key in keys if key in self._known)
            self._shown[keys] = found
        return found

    def fields(self, karyotype: Karyotype) -> tuple[object, ...]:
        """Return what the text fills of a Karyotype, in the order of ``READ_FIELDS``."""
        return (
            len(karyotype.clones),
            karyotype.sex_chromosomes or None,
            karyotype.abnormalities,
            karyotype.cells,
            _listed(place for clone in karyotype.clones for place in clone.lost),
            _listed(place for clone in karyotype.clones for place in clone.gained),
            self._groups.get(karyotype.ipssr_group),
            _listed(f"{part.text} (at {part.at + 1})" for part in karyotype.unread),
        )


def _listed(texts: Iterable[str]) -> str | None:
    return ", ".join(dict.fromkeys(texts)) or None
