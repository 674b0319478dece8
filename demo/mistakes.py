"""The mistakes that are put into the made-up deliveries: how many, where, and how Haemony should answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from haemony.demo import draw, figures
from haemony.demo.draw import Flags, Table, Tables, Text, Whole

NOBODY: Final = 9_000_001  # numbers from here on stand on no roster
_EMPTY: Final = ("", "n.b.", "NA", "no consta", "no realizado")


@dataclass
class Draft:
    """A block that is about to be written, and who in it has had no mistake yet."""

    tables: Tables
    female: Flags
    diagnosed: Whole
    free: Flags
    strangers: int = NOBODY


Candidates = Callable[[Draft, Table], Flags]
Spoil = Callable[[Draft, Table, Whole, np.random.Generator], None]


@dataclass(frozen=True)
class Mistake:
    """A kind of mistake: ``rate`` a patient, the rows that can have it, what is done to them, the answer expected.

    ``expected`` is ``fate: reason`` of the cell, ``shape: id`` of the shape that it breaks, ``flag: reason`` of the
    record, or ``query: name`` of the query that finds it. It is the first answer: a Y in a woman, for one, shows in her
    karyotype and again as the loss of Y.
    ``rows_each`` counts the delivered rows that one mistake touches.
    """

    kind: str
    file: str
    column: str
    expected: str
    candidates: Candidates
    spoil: Spoil
    rate: float = 0.002
    rows_each: int = 1


@dataclass
class Tally:
    """How many of each mistake a partner has so far, and among how many patients."""

    mistakes: Sequence[Mistake]
    patients: int = 0
    made: dict[str, int] = field(default_factory=dict)

    def report(self) -> list[dict[str, str | int]]:
        """Return what ``mistakes.json`` says of the partner."""
        return [
            {
                "kind": m.kind,
                "file": m.file,
                "column": m.column,
                "rows": self.made.get(m.kind, 0) * m.rows_each,
                "expected": m.expected,
            }
            for m in self.mistakes
        ]


def put_in(draft: Draft, tally: Tally, rng: np.random.Generator) -> None:
    """Put into a block what the rates owe by its end: at least one of each kind, a patient having one at most."""
    tally.patients += len(draft.free)
    for mistake in tally.mistakes:
        owed = max(1, round(mistake.rate * tally.patients)) - tally.made.get(mistake.kind, 0)
        table = draft.tables[mistake.file]
        able = np.flatnonzero(mistake.candidates(draft, table) & (table.owner >= 0))
        able = able[draft.free[table.owner[able]]]
        able = able[np.unique(table.owner[able], return_index=True)[1]]
        rows = np.sort(rng.permutation(able)[: max(owed, 0)])
        draft.free[table.owner[rows]] = False
        if len(rows):
            mistake.spoil(draft, table, rows, rng)
        tally.made[mistake.kind] = tally.made.get(mistake.kind, 0) + len(rows)


# --- which rows ----------------------------------------------------------------------------------------------------


def filled(column: str) -> Candidates:
    """Allow the rows whose cell holds something."""
    return lambda draft, table: ~np.isin(table.columns[column].astype(str), _EMPTY)


def holding(column: str, *texts: str) -> Candidates:
    """Allow the rows whose cell is one of the texts."""
    return lambda draft, table: np.isin(table.columns[column].astype(str), texts)


def women(column: str, *texts: str) -> Candidates:
    """Allow the rows of women whose cell is one of the texts."""
    return lambda draft, table: holding(column, *texts)(draft, table) & draft.female[table.owner]


def both(first: Candidates, second: Candidates) -> Candidates:
    """Allow the rows that two conditions allow."""
    return lambda draft, table: first(draft, table) & second(draft, table)


# --- what is done --------------------------------------------------------------------------------------------------


def put(column: str, text: str) -> Spoil:
    """Replace the cell."""
    return rewrite(column, lambda old: text)


def rewrite(column: str, change: Callable[[str], str]) -> Spoil:
    """Change the cell's text."""

    def spoil(draft: Draft, table: Table, rows: Whole, rng: np.random.Generator) -> None:
        table.columns[column][rows] = draw.words(change(text) for text in table.columns[column][rows])

    return spoil


def put_all(**texts: str) -> Spoil:
    """Replace several cells of the row."""

    def spoil(draft: Draft, table: Table, rows: Whole, rng: np.random.Generator) -> None:
        for column, text in texts.items():
            table.columns[column][rows] = text

    return spoil


def number(column: str, low: float, high: float, digits: int, decimal: str = ".") -> Spoil:
    """Replace the cell by a number between two others."""

    def spoil(draft: Draft, table: Table, rows: Whole, rng: np.random.Generator) -> None:
        table.columns[column][rows] = draw.fixed(rng.uniform(low, high, len(rows)), digits, decimal)

    return spoil


def before_diagnosis(column: str, days: int, pattern: str = draw.ISO) -> Spoil:
    """Replace the cell by a date before the diagnosis."""

    def spoil(draft: Draft, table: Table, rows: Whole, rng: np.random.Generator) -> None:
        table.columns[column][rows] = draw.dates(draft.diagnosed[table.owner[rows]] - days, pattern=pattern)

    return spoil


def repeat(draft: Draft, table: Table, rows: Whole, rng: np.random.Generator) -> None:
    """Deliver the row a second time."""
    table.append(rows)


def stranger(column: str, pattern: str) -> Spoil:
    """Add a copy of the row under a key that is on no roster."""

    def spoil(draft: Draft, table: Table, rows: Whole, rng: np.random.Generator) -> None:
        keys = draw.words(pattern.format(draft.strangers + i) for i in range(len(rows)))
        draft.strangers += len(rows)
        table.append(rows, -1, **{column: keys})

    return spoil


def hidden_trisomy(draft: Draft, table: Table, rows: Whole, rng: np.random.Generator) -> None:
    """Give the karyotype a trisomy 8 that the row's FISH does not see."""
    registry = draft.tables["registry.csv"]
    text: Text = registry.columns["karyotype"]
    for owner in table.owner[rows]:
        text[owner] = text[owner].replace("46,", "47,").replace("[20]", ",+8[20]")


def follows_an_ended_line(draft: Draft, table: Table) -> Flags:
    """Allow the second lines whose first is the row before and has ended."""
    ended = np.roll(table.columns["FECHA_FIN"], 1) != ""
    own = (np.roll(table.owner, 1) == table.owner) & (np.roll(table.columns["LINEA"], 1) == "1")
    flags: Flags = (table.columns["LINEA"] == "2") & own & ended
    return flags


def begin_before_the_former_ends(draft: Draft, table: Table, rows: Whole, rng: np.random.Generator) -> None:
    """Let a line begin on the tenth day before the last of the line before."""
    ends = ["-".join(reversed(text.split("/"))) for text in table.columns["FECHA_FIN"][rows - 1]]
    days = np.array(ends, dtype="datetime64[D]").astype(np.int64) - 10
    table.columns["FECHA_INICIO"][rows] = draw.dates(days, pattern=draw.SPANISH)


def _normal_and_banded(draft: Draft, table: Table) -> Flags:
    text = draft.tables["registry.csv"].columns["karyotype"][table.owner]
    return np.isin(text.astype(str), ["46,XX[20]", "46,XY[20]"])


_NORMAL: Final = ("46,XX[20]", "46,XY[20]")

AML: Final = (
    Mistake("hb-in-g-dl", "labor.csv", "Hb", "shape: haemoglobin-impossible", filled("Hb"),
            number("Hb", 16.5, 18.5, 1, ","), rate=0.004),
    Mistake("sex-code", "stammdaten.csv", "Geschlecht", "quarantined: unmapped", filled("Geschlecht"),
            put("Geschlecht", "?")),
    Mistake("unreadable-date", "therapie.csv", "Ende", "quarantined: unreadable-date", filled("Ende"),
            put("Ende", "31.02.2019")),
    Mistake("negative-value", "labor.csv", "Leukozyten (Gpt/l)", "shape: leukocytes-impossible",
            filled("Leukozyten (Gpt/l)"), rewrite("Leukozyten (Gpt/l)", lambda old: f"-{old}")),
    Mistake("impossible-value", "labor.csv", "Blasten_KM (%)", "shape: bone-marrow-blasts-impossible",
            filled("Blasten_KM (%)"), put("Blasten_KM (%)", "180")),
    Mistake("decimal-point", "labor.csv", "Leukozyten (Gpt/l)", "quarantined: unreadable-number",
            filled("Leukozyten (Gpt/l)"), rewrite("Leukozyten (Gpt/l)", lambda old: old.replace(",", "."))),
    Mistake("undeclared-missing-code", "labor.csv", "LDH (U/l)", "quarantined: unreadable-number",
            filled("LDH (U/l)"), put("LDH (U/l)", "k.A.")),
    Mistake("unknown-unit", "labor.csv", "Hb_Einheit", "quarantined: unknown-unit", filled("Hb"),
            put("Hb_Einheit", "Sahli")),
    Mistake("karyotype-contradicts-sex", "zytogenetik.csv", "Karyotyp", "shape: karyotype-y-in-female",
            women("Karyotyp", "46,XX[20]"), put("Karyotyp", "46,XY[20]")),
    Mistake("loss-of-y-in-a-woman", "zytogenetik.csv", "Karyotyp", "shape: loss-of-y-in-female",
            women("Karyotyp", "46,XX[20]"), put("Karyotyp", "45,X,-Y[12]/46,XX[8]")),
    Mistake("normal-karyotype-beside-aberration", "zytogenetik.csv", "ZG_plus8",
            "shape: normal-karyotype-with-abnormality", holding("Karyotyp", *_NORMAL), put("ZG_plus8", "ja")),
    Mistake("exclusive-rearrangements", "zytogenetik.csv", "ZG_inv16", "shape: second-recurrent-rearrangement",
            holding("Karyotyp", *_NORMAL), put_all(Karyotyp="n.b.", ZG_t8_21="ja", ZG_inv16="ja")),
    Mistake("response-before-treatment", "therapie.csv", "Datum_Ansprechen", "shape: response-before-treatment",
            filled("Datum_Ansprechen"), before_diagnosis("Datum_Ansprechen", 20, pattern=draw.GERMAN)),
    Mistake("treatment-ends-before-start", "therapie.csv", "Ende", "shape: treatment-ends-before-start",
            filled("Ende"), before_diagnosis("Ende", 10, pattern=draw.GERMAN)),
    Mistake("last-contact-before-diagnosis", "verlauf.csv", "Letzter_Kontakt", "shape: outcome-days",
            holding("VR_Datum", ""), before_diagnosis("Letzter_Kontakt", 100, pattern=draw.GERMAN)),
    Mistake("unknown-gene", "panel.csv", "Gen", "quarantined: unmapped",
            both(holding("Bewertung", "pathogen"), holding("Typ", "SNV/Indel")), put("Gen", "NMP1")),
    Mistake("flag-contradicts-variant", "molekular.csv", "NPM1", "flag: disputed",
            both(holding("NPM1", "pos"), holding("Panel", "ja")), put("NPM1", "neg")),
    Mistake("trailing-space", "stammdaten.csv", "Geschlecht", "loaded", filled("Geschlecht"),
            rewrite("Geschlecht", lambda old: f"{old} ")),
    Mistake("repeated-row", "panel.csv", "Gen", "loaded", holding("Bewertung", "pathogen"), repeat, rows_each=2),
    Mistake("stranger", "labor.csv", "PatNr", "quarantined: unknown-patient", filled("PatNr"),
            stranger("PatNr", "AML-{}")),
    Mistake("duplicate-roster-key", "stammdaten.csv", "PatNr", "quarantined: duplicate-key", filled("PatNr"), repeat,
            rows_each=2),
)  # fmt: skip

MDS: Final = (
    Mistake("hb-in-g-l", "labs.csv", "result", "shape: haemoglobin-impossible", holding("test", "HGB"),
            number("result", 85, 130, 0), rate=0.004),
    Mistake("decimal-comma", "registry.csv", "hgb", "quarantined: unreadable-number", filled("hgb"),
            rewrite("hgb", lambda old: old.replace(".", ","))),
    Mistake("sex-code", "registry.csv", "sex", "quarantined: unmapped", holding("sex", "Male", "Female"),
            put("sex", "9")),
    Mistake("unreadable-date", "treatments.csv", "stop", "quarantined: unreadable-date", filled("stop"),
            put("stop", "2019-02-30")),
    Mistake("impossible-value", "registry.csv", "age", "shape: patient-age", filled("age"), put("age", "214")),
    Mistake("negative-value", "registry.csv", "plt", "shape: platelets-impossible", filled("plt"),
            rewrite("plt", lambda old: f"-{old}")),
    Mistake("undeclared-missing-code", "registry.csv", "anc", "quarantined: unreadable-number", filled("anc"),
            put("anc", "n/a")),
    Mistake("unknown-unit", "labs.csv", "unit", "quarantined: unknown-unit", holding("test", "LDH"),
            put("unit", "U/ccm")),
    Mistake("karyotype-contradicts-sex", "registry.csv", "karyotype", "shape: karyotype-y-in-female",
            women("karyotype", "46,XX[20]"), put("karyotype", "46,XY[20]")),
    Mistake("loss-of-y-in-a-woman", "registry.csv", "karyotype", "shape: loss-of-y-in-female",
            women("karyotype", "46,XX[20]"), put("karyotype", "45,X,-Y[12]/46,XX[8]")),
    Mistake("unreadable-karyotype", "registry.csv", "karyotype", "quarantined: unreadable-text",
            holding("karyotype", *_NORMAL), put("karyotype", "see report")),
    Mistake("fish-contradicts-karyotype", "fish.csv", "fish_plus8", "overruled: registry.csv, karyotype",
            both(holding("fish_plus8", "No"), _normal_and_banded), hidden_trisomy),
    Mistake("flag-code", "genes.csv", "TP53", "quarantined: unmapped", holding("TP53", "0", "1"), put("TP53", "2")),
    Mistake("unknown-gene", "genes.csv", "other_genes", "quarantined: unmapped", holding("other_genes", ""),
            put("other_genes", "FLT-3X")),
    Mistake("response-before-treatment", "responses.csv", "assessed_on", "shape: response-before-treatment",
            filled("assessed_on"), before_diagnosis("assessed_on", 20)),
    Mistake("response-to-no-treatment", "responses.csv", "line", "flag: link-none", filled("line"),
            put("line", "9")),
    Mistake("trailing-space", "registry.csv", "sex", "loaded", holding("sex", "Male", "Female"),
            rewrite("sex", lambda old: f"{old} ")),
    Mistake("stranger", "treatments.csv", "patient_id", "quarantined: unknown-patient", filled("start"),
            stranger("patient_id", "M{}")),
    Mistake("strange-sample", "genes.csv", "sample_id", "quarantined: unknown-patient", filled("sample_id"),
            stranger("sample_id", "S{}-BM")),
    Mistake("duplicate-roster-key", "registry.csv", "patient_id", "quarantined: duplicate-key", filled("patient_id"),
            repeat, rows_each=2),
)  # fmt: skip

MM: Final = (
    Mistake("hb-in-g-l", "analitica.csv", "RESULTADO", "shape: haemoglobin-impossible",
            both(holding("DETERMINACION", "Hemoglobina"), holding("UNIDAD", "g/dl")), number("RESULTADO", 85, 130, 0),
            rate=0.004),
    Mistake("calcium-in-mg-dl", "analitica.csv", "UNIDAD", "shape: calcium-impossible",
            both(holding("DETERMINACION", "Calcio"), holding("UNIDAD", "mg/dl")), put("UNIDAD", "mmol/l")),
    Mistake("negative-value", "analitica.csv", "RESULTADO", "shape: platelets-impossible",
            holding("DETERMINACION", "Plaquetas"), rewrite("RESULTADO", lambda old: f"-{old}")),
    Mistake("impossible-value", "analitica.csv", "RESULTADO", "shape: percentage-impossible",
            holding("DETERMINACION", "Células plasmáticas en MO"), put("RESULTADO", "180")),
    Mistake("decimal-point", "analitica.csv", "RESULTADO", "quarantined: unreadable-number",
            holding("DETERMINACION", "Beta-2 microglobulina"), rewrite("RESULTADO", lambda old: old.replace(",", "."))),
    Mistake("undeclared-missing-code", "analitica.csv", "RESULTADO", "quarantined: unreadable-number",
            holding("DETERMINACION", "LDH"), put("RESULTADO", "hemolizada")),
    Mistake("unknown-unit", "analitica.csv", "UNIDAD", "quarantined: unknown-unit",
            holding("DETERMINACION", "Albúmina"), put("UNIDAD", "g/cc")),
    Mistake("unknown-test", "analitica.csv", "DETERMINACION", "quarantined: unmapped", holding("DETERMINACION", "LDH"),
            put("DETERMINACION", "LHD")),
    Mistake("date-in-the-future", "analitica.csv", "FECHA", "shape: record-after-death", filled("FECHA"),
            put("FECHA", "15/03/2045")),
    Mistake("impossible-date", "lineas.csv", "FECHA_FIN", "quarantined: unreadable-date", filled("FECHA_FIN"),
            put("FECHA_FIN", "31/02/2019")),
    Mistake("impossible-birth", "pacientes.csv", "FECHA_NACIMIENTO", "shape: patient-age", filled("FECHA_NACIMIENTO"),
            put("FECHA_NACIMIENTO", "01/01/1850")),
    Mistake("death-before-diagnosis", "pacientes.csv", "FECHA_EXITUS", "shape: outcome-days", filled("FECHA_EXITUS"),
            before_diagnosis("FECHA_EXITUS", 60, pattern=draw.SPANISH)),
    Mistake("sex-code", "pacientes.csv", "SEXO", "quarantined: unmapped", filled("SEXO"), put("SEXO", "V")),
    Mistake("flag-code", "pacientes.csv", "FISH_del17p", "quarantined: unmapped", filled("FISH_del17p"),
            put("FISH_del17p", "dudoso")),
    Mistake("grade-of-another-scale", "pacientes.csv", "ECOG", "shape: ecog-grade", filled("ECOG"), put("ECOG", "80")),
    Mistake("wanted-regimen", "lineas.csv", "ESQUEMA", "quarantined: concept-wanted", holding("LINEA", "1"),
            put("ESQUEMA", "Iberdomida-Dex")),
    Mistake("misspelt-regimen", "lineas.csv", "ESQUEMA", "quarantined: unmapped", filled("ESQUEMA"),
            put("ESQUEMA", "VDT")),
    Mistake("line-nought", "lineas.csv", "LINEA", "shape: treatment-line", filled("LINEA"), put("LINEA", "0")),
    Mistake("overlapping-lines", "lineas.csv", "FECHA_INICIO", "query: overlapping-lines", follows_an_ended_line,
            begin_before_the_former_ends),
    Mistake("treatment-ends-before-start", "lineas.csv", "FECHA_FIN", "shape: treatment-ends-before-start",
            filled("FECHA_FIN"), before_diagnosis("FECHA_FIN", 10, pattern=draw.SPANISH)),
    Mistake("response-before-treatment", "respuestas.csv", "FECHA", "shape: response-before-treatment",
            both(holding("LINEA", "1"), holding("RESPUESTA", *figures.MM_RESPONSES[1:])),
            before_diagnosis("FECHA", 20, pattern=draw.SPANISH)),
    Mistake("response-to-no-treatment", "respuestas.csv", "LINEA", "flag: link-none",
            holding("RESPUESTA", *figures.MM_RESPONSES[1:]), put("LINEA", "9")),
    Mistake("allogeneic-from-the-patient", "trasplantes.csv", "TIPO", "shape: allogeneic-from-patient",
            holding("TIPO", "TASPE"), put("TIPO", "alogénico")),
    Mistake("grade-above-five", "toxicidad.csv", "GRADO", "shape: adverse-event-grade", filled("GRADO"),
            put("GRADO", "7")),
    Mistake("roman-grade", "toxicidad.csv", "GRADO", "quarantined: unreadable-number", filled("GRADO"),
            put("GRADO", "III")),
    Mistake("trailing-space", "lineas.csv", "ESQUEMA", "loaded", filled("ESQUEMA"),
            rewrite("ESQUEMA", lambda old: f"{old} ")),
    Mistake("repeated-row", "toxicidad.csv", "TOXICIDAD", "loaded", filled("TOXICIDAD"), repeat, rows_each=2),
    Mistake("stranger", "analitica.csv", "NHC", "quarantined: unknown-patient", filled("NHC"), stranger("NHC", "MM{}")),
    Mistake("duplicate-roster-key", "pacientes.csv", "NHC", "quarantined: duplicate-key", filled("NHC"), repeat,
            rows_each=2),
)  # fmt: skip

MISTAKES: Final[Mapping[str, Sequence[Mistake]]] = {"demo_aml": AML, "demo_mds": MDS, "demo_mm": MM}
