"""Make up deliveries of three partners, of any size, with a known number of mistakes in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from haemony.demo import aml_de, draw, mds_en, mm_es
from haemony.demo.draw import Flags, Tables, Whole
from haemony.demo.mistakes import MISTAKES, Draft, Tally, put_in
from haemony.engine.errors import DeliveryError

#: Patients drawn at once; fixed, so that the first patients are the same however many follow.
BLOCK: Final = 10_000


@dataclass(frozen=True)
class Block:
    """Patients of one block: whose sex and diagnosis the mistakes need, and their tables."""

    female: Flags
    diagnosed: Whole
    tables: Tables


@dataclass(frozen=True)
class Centre:
    """A made-up partner: how its patients are drawn, how its files are written, its part of all patients by weight."""

    make: Callable[[np.random.Generator, int, int], Block]
    separator: str
    encoding: str
    share: float


def _aml(rng: np.random.Generator, first: int, size: int) -> Block:
    patients = draw.head(aml_de.draw_patients(rng, first, BLOCK), size)
    return Block(patients.female, patients.diagnosed, aml_de.deliver(patients))


def _mds(rng: np.random.Generator, first: int, size: int) -> Block:
    patients = draw.head(mds_en.draw_patients(rng, first, BLOCK), size)
    return Block(patients.female, patients.diagnosed, mds_en.deliver(patients))


def _mm(rng: np.random.Generator, first: int, size: int) -> Block:
    patients = draw.head(mm_es.draw_patients(rng, first, BLOCK), size)
    return Block(patients.female, patients.diagnosed, mm_es.deliver(patients))


CENTRES: Final[Mapping[str, Centre]] = {
    aml_de.PARTNER: Centre(_aml, ";", "latin-1", 0.6),
    mds_en.PARTNER: Centre(_mds, ",", "utf-8", 0.4),
    mm_es.PARTNER: Centre(_mm, ";", "latin-1", 0.25),
}


def generate(folder: Path, patients: int, seed: int, partners: Sequence[str] = tuple(CENTRES)) -> dict[str, Any]:
    """Write the deliveries of the named partners into a folder, and ``mistakes.json`` beside them.

    The same number of patients and seed give the same bytes. Returns, by partner, the patients, the rows of each file
    and the mistakes. Raises ``DeliveryError`` where there is no such partner or there are no patients to share out.
    """
    if unknown := [name for name in partners if name not in CENTRES]:
        raise DeliveryError(f"There is no demo partner {unknown[0]!r}. There are: {', '.join(CENTRES)}.")
    if not partners or patients < len(partners):
        raise DeliveryError(f"{patients} patients are too few: every partner needs one.")
    written = {}
    for name, size in _shares(patients, partners).items():
        written[name] = _deliver(folder / name, name, size, seed)
    text = json.dumps({name: made["mistakes"] for name, made in written.items()}, indent=1, ensure_ascii=False)
    (folder / "mistakes.json").write_text(text + "\n", encoding="utf-8")
    return written


def _shares(patients: int, partners: Sequence[str]) -> dict[str, int]:
    """Share the patients out; the last partner takes the rest."""
    total = sum(CENTRES[name].share for name in partners)
    sizes = {name: max(1, round(patients * CENTRES[name].share / total)) for name in partners}
    last = partners[-1]
    sizes[last] = patients - sum(size for name, size in sizes.items() if name != last)
    return sizes


def _deliver(folder: Path, name: str, size: int, seed: int) -> dict[str, Any]:
    """Write one partner's files, block by block."""
    folder.mkdir(parents=True, exist_ok=True)
    centre, tally = CENTRES[name], Tally(MISTAKES[name])
    rows: dict[str, int] = {}
    strangers = Draft.strangers
    for number, first in enumerate(range(0, size, BLOCK)):
        kept = min(BLOCK, size - first)
        block = centre.make(draw.generator(seed, name, number, "patients"), first, kept)
        draft = Draft(block.tables, block.female, block.diagnosed, np.ones(kept, dtype=np.bool_), strangers)
        put_in(draft, tally, draw.generator(seed, name, number, "mistakes"))
        strangers = draft.strangers
        for file, table in draft.tables.items():
            draw.append_csv(folder / file, table, centre.separator, centre.encoding, header=number == 0)
            rows[file] = rows.get(file, 0) + len(table)
    return {"patients": size, "rows": rows, "mistakes": tally.report()}
