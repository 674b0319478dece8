"""The ISCN reader against hand-coded findings, and its speed; prints numbers only, never a karyotype of a patient.

    python benchmarks/iscn.py [--data FOLDER] [--cells 1000000] [--distinct 20000]

``FOLDER`` holds AMLSG_Karyotypes.txt and AMLSG_Clinical_Anon.csv of https://github.com/gerstung-lab/AML-multistage. The
strings that are timed are made up.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from haemony.engine.on_duckdb import DuckDBSession as Session
from haemony.graph_loader.readings import read_distinct
from haemony.nomenclature.iscn import Abnormality, Karyotype, read_abnormality, read_karyotype
from haemony.ontology.vocabulary import read_vocabulary

DATA = Path(__file__).parents[1].parent / "shared" / "data" / "amlsg"


@dataclass(frozen=True)
class Flag:
    """A hand-coded column: an abnormality with one of the keys and none of the others sets it."""

    keys: frozenset[str]
    others: frozenset[str] = frozenset()
    chromosome: str = ""


def _flag(keys: str, others: str = "", chromosome: str = "") -> Flag:
    return Flag(frozenset(keys.split()), frozenset(others.split()), chromosome)


FLAGS = {
    "NK": _flag("normal"),
    "complex": _flag("complex"),
    "t_8_21": _flag("t(8;21)", chromosome="21"),
    "inv16_t16_16": _flag("inv(16) t(16;16)", chromosome="16"),
    "t_15_17": _flag("t(15;17)", chromosome="17"),
    "t_9_11": _flag("t(9;11)", chromosome="11"),
    "t_v_11": _flag("t(v;11q23)", "t(9;11)", chromosome="11"),
    "t_6_9": _flag("t(6;9)", chromosome="6"),
    "t_9_22": _flag("t(9;22)", chromosome="22"),
    "inv3_t3_3": _flag("inv(3) t(3;3)", chromosome="3"),
    "abn3q_other": _flag("abn(3q)", "inv(3) t(3;3)", chromosome="3"),
    "minus5_5q": _flag("loss(5q)", chromosome="5"),
    "minus7": _flag("-7", chromosome="7"),
    "minus7q": _flag("loss(7q)", "-7 loss(7)", chromosome="7"),
    "abn7other": _flag("abn(7)", "-7 loss(7q)", chromosome="7"),
    "plus8_8q": _flag("gain(8q)", chromosome="8"),
    "minus9q": _flag("loss(9q)", "-9", chromosome="9"),
    "plus11_11q": _flag("gain(11q)", chromosome="11"),
    "mono12_12p_abn12p": _flag("loss(12p) abn(12p)", chromosome="12"),
    "plus13": _flag("+13", chromosome="13"),
    "mono17_17p_abn17p": _flag("loss(17p) abn(17p)", chromosome="17"),
    "minus18_18q": _flag("loss(18q)", chromosome="18"),
    "minus20_20q": _flag("loss(20q)", chromosome="20"),
    "plus21": _flag("+21", chromosome="21"),
    "plus22": _flag("+22", chromosome="22"),
    "minusY": _flag("-Y", chromosome="Y"),
    "mono4_4q_abn4q": _flag("loss(4q) abn(4q)", chromosome="4"),
    **{f"X{n}": _flag(f"abn({n})", chromosome=str(n)) for n in range(1, 23)},
    "X": _flag("abn(X)", chromosome="X"),
    "Y": _flag("abn(Y)", chromosome="Y"),
}


# --- hand-coded flags ------------------------------------------------------------------------------------------------


def shown(karyotype: Karyotype, flag: Flag) -> bool:
    """Tell whether a karyotype shows what a column stands for."""
    groups = [frozenset(keys) for keys in karyotype.keys] + [frozenset((key,)) for key in karyotype.summary]
    return any(keys & flag.keys and not keys & flag.others for keys in groups)


@dataclass(frozen=True)
class Difference:
    """One cell in which reader and hand differ."""

    karyotype: Karyotype
    column: str
    coded: bool

    @property
    def acquired(self) -> list[Abnormality]:
        """Return all abnormalities."""
        return [a for clone in self.karyotype.clones for a in clone.acquired]

    @property
    def here(self) -> list[Abnormality]:
        """Return those of the column's chromosome."""
        return [a for a in self.acquired if FLAGS[self.column].chromosome in a.chromosomes]

    @property
    def polyploid(self) -> bool:
        """Tell whether a clone has three or four sets."""
        return any(clone.ploidy > 2 for clone in self.karyotype.clones)

    @property
    def variant(self) -> bool:
        """Tell whether something constitutional is there."""
        return any(a.constitutional for clone in self.karyotype.clones for a in clone.abnormalities)

    @property
    def single(self) -> bool:
        """Tell whether it hangs on one cell."""
        return any(clone.cells == 1 and clone.acquired for clone in self.karyotype.clones)

    def lost_upstream(self) -> bool:
        """Tell whether a ``-9`` was taken for a missing value."""
        return any("na" in part.text.lower().split(",") for part in self.karyotype.unread)


#: Why they differ: the first reason that fits. ``definition``: both are right, and mean different things.
WHY: tuple[tuple[str, Callable[[Difference], bool]], ...] = (
    ("definition: the flag counts FISH or PCR, which is set aside", lambda d: bool(d.karyotype.aside)),
    ("upstream: 'na' stands where '-9' was", Difference.lost_upstream),
    ("not read: free words, or no abnormality of ISCN", lambda d: bool(d.karyotype.unread)),
    (
        "definition: the flag counts heteromorphisms and constitutional changes",
        lambda d: d.variant and d.column in ("NK", "X9", "minus9q"),
    ),
    ("definition: polyploidy is coded as normal", lambda d: d.column == "NK" and d.coded and d.polyploid),
    (
        "definition: the hand does not count what one cell shows",
        lambda d: d.single and d.column in ("NK", "plus8_8q", "X8"),
    ),
    (
        "definition: gains of whole chromosomes alone are not complex (ELN 2022)",
        lambda d: d.column == "complex" and d.coded and all(a.gained for a in d.acquired),
    ),
    (
        "definition: not complex beside a class-defining abnormality (ELN 2022, ICC 2022)",
        lambda d: d.column == "complex" and d.coded and (d.karyotype.abnormalities or 0) >= 3,
    ),
    ("flag wrong: three or more abnormalities", lambda d: d.column == "complex"),
    ("flag wrong: normal or not", lambda d: d.column == "NK"),
    ("flag wrong, or of another sample: nothing on this chromosome", lambda d: d.coded and not d.here),
    (
        "definition: the hand codes a loss among three or four copies as monosomy",
        lambda d: d.coded and d.polyploid and d.column == "minus7",
    ),
    (
        "definition: the hand codes gain and loss of the whole chromosome here",
        lambda d: d.coded and d.column in ("mono4_4q_abn4q", "abn3q_other", "mono12_12p_abn12p", "minus7q"),
    ),
    (
        "definition: add(7q) loses 7q by ISCN, and is 'other' by the hand",
        lambda d: d.column in ("minus7q", "abn7other") and any(a.text.startswith("add(7)") for a in d.here),
    ),
    (
        "definition: the hand codes add in the last band as a loss",
        lambda d: (
            d.coded and any(a.text.startswith("add") for a in d.here) and d.column.startswith(("minus9", "minus20"))
        ),
    ),
    (
        "definition: variants of t(9;11) are t(9;11), by the hand t(v;11)",
        lambda d: d.column in ("t_v_11", "t_9_11") and any("t(9;11)" in keys for keys in d.karyotype.keys),
    ),
    ("flag wrong: 11q23 with another partner left out", lambda d: d.column == "t_v_11" and not d.coded),
    (
        "flag wrong: an exchange with another chromosome left out",
        lambda d: not d.coded and any(len(a.chromosomes) > 1 for a in d.here),
    ),
    ("flag wrong: left out, though the karyotype shows it", lambda d: not d.coded),
    (
        "karyotype and flag differ in the breakpoint: inv(16), inv(3), t(6;9)",
        lambda d: d.column in ("inv16_t16_16", "inv3_t3_3", "t_6_9"),
    ),
    ("flag wrong: another change of this chromosome", lambda d: True),
)


def why(karyotype: Karyotype, column: str, coded: bool) -> str:
    """Say why reader and hand differ."""
    difference = Difference(karyotype, column, coded)
    return next(reason for reason, fits in WHY if fits(difference))


def compare(folder: Path) -> None:
    """Print how the reader and the hand agree, column by column, and why they differ."""
    text = (folder / "AMLSG_Karyotypes.txt").read_bytes().decode("latin-1").replace("\r", "\n")
    rows = [row for row in csv.reader(io.StringIO(text), delimiter="\t") if len(row) == 3][1:]
    read = {patient: read_karyotype(written) for _, patient, written in rows}
    with (folder / "AMLSG_Clinical_Anon.csv").open(encoding="latin-1", newline="") as file:
        clinical = [row for row in csv.DictReader(file) if row["PDID"] in read and read[row["PDID"]].readable]
    print(f"{'column':20}{'coded 1':>9}{'found':>7}{'missed':>8}{'coded 0':>9}{'beside':>8}")
    reasons: Counter[str] = Counter()
    agreed = differing = 0
    for column, flag in FLAGS.items():
        found: Counter[tuple[bool, bool]] = Counter()
        for row in clinical:
            coded = {"1": True, "1.0": True, "True": True, "0": False, "0.0": False, "False": False}.get(row[column])
            if coded is None:
                continue
            karyotype = read[row["PDID"]]
            seen = shown(karyotype, flag)
            found[coded, seen] += 1
            if coded != seen:
                reasons[why(karyotype, column, coded)] += 1
        yes, no = found[True, True] + found[True, False], found[False, True] + found[False, False]
        agreed += found[True, True] + found[False, False]
        differing += found[True, False] + found[False, True]
        print(f"{column:20}{yes:9}{found[True, True]:7}{found[True, False]:8}{no:9}{found[False, True]:8}")
    print(f"\nagreed {agreed}, differing {differing} ({100 * agreed / (agreed + differing):.2f} % agree)")
    for reason, number in reasons.most_common():
        print(f"{number:5}  {reason}")
    _whole({written for _, _, written in rows})


def _whole(texts: set[str]) -> None:
    karyotypes = [read_karyotype(text) for text in texts]
    readable = [k for k in karyotypes if k.readable]
    whole = sum(not k.unread for k in readable)
    incomplete = sum(any(clone.incomplete for clone in k.clones) for k in readable)
    na = sum(any("na" in part.text.lower().split(",") for part in k.unread) for k in readable)
    print(f"\n{len(texts)} distinct texts: {len(readable)} hold a karyotype, {whole} of these read whole", end=" ")
    print(f"({100 * whole / len(readable):.1f} %; {incomplete} call themselves incomplete),", end=" ")
    print(f"{na} in part where 'na' stands for a lost '-9'")
    print(
        "the others:", ", ".join(f"{n} {why}" for why, n in Counter(k.reason for k in karyotypes if k.reason).items())
    )


# --- speed -----------------------------------------------------------------------------------------------------------

_PARTS = (
    "-5 -7 +8 +13 +21 -17 -18 +mar +2mar +r dmin del(5)(q13q33) del(7)(q22q36) del(20)(q11q13) add(12)(p13) "
    "add(17)(p11.2) inv(3)(q21q26) inv(16)(p13.1q22) t(8;21)(q22;q22.1) t(9;11)(p21;q23) t(9;22)(q34;q11.2) "
    "t(6;9)(p23;q34) der(5)t(5;17)(q13;q21) der(7)t(1;7)(q10;p10) der(16)t(1;16)(q21;q11) i(17)(q10) "
    "dic(5;17)(q11;p11) idic(X)(q13) r(7)(p22q36) ins(10;11)(p12;q13q23) dup(1)(q21q32) hsr(11)(q23) "
    "?add(21)(q22) der(12;18)(p10;q10)"
).split()


def made_up(number: int, seed: int = 1) -> Iterator[str]:
    """Yield distinct made-up karyotypes, such as laboratories write."""
    source = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < number:
        sex = source.choice(["XX", "XY"])
        stem = source.sample(_PARTS, source.randint(1, 7))
        low, cells = source.randint(43, 49), source.randint(2, 20)
        text = f"{low},{sex},{','.join(stem)}[{cells}]"
        if source.random() < 0.4:
            text += f"/{low + 1},sl,{source.choice(_PARTS)}[{source.randint(2, 9)}]"
        if source.random() < 0.5:
            text += f"/46,{sex}[{source.randint(1, 20)}]"
        if text not in seen:
            seen.add(text)
            yield text


def speed(cells: int, distinct: int) -> None:
    """Print how long the reader takes a text, and a column through the data path."""
    texts = list(made_up(distinct))
    read_abnormality.cache_clear()
    wall, cpu = time.perf_counter(), time.process_time()
    for text in texts:
        read_karyotype(text)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"\nread_karyotype: {1e6 * cpu / distinct:.0f} µs a text ({1e6 * wall / distinct:.0f} µs by the clock)")
    vocabulary = read_vocabulary()
    vocabulary.is_a(36032861, 36032861)
    source = random.Random(2)
    with tempfile.TemporaryDirectory() as folder, Session(Path(folder)) as session:
        delivered = pa.table({"row": pa.array(range(cells)), "text": pa.array(source.choices(texts, k=cells))})
        path = Path(folder) / "delivered.parquet"
        pq.write_table(delivered, path)
        read_abnormality.cache_clear()
        wall, cpu = time.perf_counter(), time.process_time()
        column = session.read(path).mutate(reader=ibis.literal("iscn"))
        readings = read_distinct(session, column, vocabulary)
        joined = column.left_join(readings, (column.reader == readings.reader) & (column.text == readings.read_text))
        kept = session.lay(joined.drop("reader_right", "read_text"), "cells")
        findings = session.lay(kept.select("row", finding=kept.findings.unnest()), "findings")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        sizes = [f"{session.count(table):,}" for table in (kept, readings, findings)]
        print("{} cells, {} distinct texts, {} findings:".format(*sizes), end=" ")
        print(f"{wall:.1f} s by the clock, {cpu:.1f} s of processor time")


def main() -> None:
    """Run the comparison where the data are, and the timing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--distinct", type=int, default=20_000)
    options = parser.parse_args()
    if (options.data / "AMLSG_Karyotypes.txt").exists():
        compare(options.data)
    else:
        print(f"The AMLSG delivery is not in {options.data.name}/: the comparison is left out.")
    speed(options.cells, options.distinct)


if __name__ == "__main__":
    main()
