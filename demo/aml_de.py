"""The made-up delivery of a German-speaking AML centre: seven linked files, semicolons, decimal commas, Latin-1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from haemony.demo import draw, figures
from haemony.demo.draw import NEVER, Flags, Floats, Tables, Text, Whole
from haemony.demo.variants import POLYMORPHISMS, VARIANTS

PARTNER: Final = "demo_aml"
UNKNOWN: Final = "n.b."
FIRST_DIAGNOSIS, LAST_DIAGNOSIS, DATA_CUT = map(draw.epoch, ("2012-01-01", "2022-12-31", "2024-06-30"))
MIDOSTAURIN_FROM, VENETOCLAX_FROM = map(draw.epoch, ("2017-10-01", "2019-01-01"))

SLOTS: Final = tuple(figures.AML_GENES)  # alterations, in the order of the columns of `carries`
SLOT: Final = {name: i for i, name in enumerate(SLOTS)}
CLASSES: Final = tuple(figures.AML_CLASSES)
CLONES: Final = draw.karyotypes({name: text for name, (text, _) in figures.AML_KARYOTYPES.items()})

#: The flag columns of the cytogenetics file.
FLAG_COLUMNS: Final = {
    "ZG_t8_21": "t8_21", "ZG_inv16": "inv16", "ZG_t9_11": "t9_11", "ZG_tv_11": "tv_11", "ZG_t6_9": "t6_9",
    "ZG_t9_22": "t9_22", "ZG_inv3": "inv3", "ZG_del5q": "del5q", "ZG_minus7": "minus7", "ZG_del7q": "del7q",
    "ZG_plus8": "plus8", "ZG_komplex": "complex",
}  # fmt: skip
SURNAMES: Final = draw.words(["Beispiel", "Muster", "Probe", "Test", "Übung", "Größe"])
MEN: Final = draw.words(["Anton", "Bernd", "Jörg", "Emil"])
WOMEN: Final = draw.words(["Anna", "Berta", "Käthe", "Frieda"])


@dataclass(frozen=True)
class Patients:
    """The patients of a block; the first axis of every field is the patient. Days count from diagnosis."""

    number: Whole
    age: Floats
    female: Flags
    diagnosed: Whole
    kind: Text
    carries: Flags
    allele: Floats
    which: Floats
    polymorphism: Whole
    pattern: Text
    clone: Whole
    banding: Text
    sequenced: Flags
    secondary: Text
    risk: Whole
    ecog: Whole
    labs: Floats
    lab_day: Whole
    intensive: Flags
    remission: Whole
    incomplete: Flags
    partial: Flags
    transplant: Whole
    relapse: Whole
    salvaged: Flags
    second_transplant: Whole
    death: Whole
    last: Whole
    donor: Text
    odds: Floats
    gaps: Floats

    def shows(self, finding: str) -> Flags:
        """Tell whose karyotype shows a finding."""
        showing = [n for n, (_, found) in figures.AML_KARYOTYPES.items() if finding in found]
        return np.isin(self.pattern.astype(str), showing)

    def has(self, slot: str) -> Flags:
        """Tell who carries an alteration."""
        flags: Flags = self.carries[:, SLOT[slot]]
        return flags


def draw_patients(rng: np.random.Generator, first: int, size: int) -> Patients:
    """Draw a block of patients; ``first`` is the number of its first."""
    mean, spread, low, high = figures.AML_AGE
    age = np.clip(rng.normal(mean, spread, size), low, high)
    old = np.clip((age - 45) / 30, 0, 1)[:, None]
    shares = np.array(list(figures.AML_CLASSES.values()))
    kind = draw.choose_by_row(rng, CLASSES, shares[:, 0] * (1 - old) + shares[:, 1] * old)
    chances = np.column_stack([draw.look_up(table, kind) for table in figures.AML_GENES.values()])
    carries = rng.random((size, len(SLOTS))) < chances
    weights = np.array([[figures.AML_PATTERNS[k].get(p, 0.0) for p in figures.AML_KARYOTYPES] for k in CLASSES])
    position = np.searchsorted(np.sort(CLASSES), kind.astype(str))
    pattern = draw.choose_by_row(rng, figures.AML_KARYOTYPES, weights[np.argsort(CLASSES)][position])
    female = rng.random(size) < figures.AML_FEMALE
    pattern[female & (pattern == "minusY")] = "normal"
    diagnosed = rng.integers(FIRST_DIAGNOSIS, LAST_DIAGNOSIS, size)
    risk = _risk(kind, carries, pattern)
    secondary = draw.pick(
        rng.random(size) < np.where(np.isin(kind.astype(str), ["chromatin", "tp53"]), 0.4, 0.1), "sAML", "de novo"
    )
    return Patients(
        number=np.arange(first, first + size),
        age=age,
        female=female,
        diagnosed=diagnosed,
        kind=kind,
        carries=carries,
        allele=rng.beta(9, 12, (size, len(SLOTS))),
        which=rng.random((size, len(SLOTS))),
        polymorphism=np.where(rng.random(size) < 0.25, rng.integers(0, len(POLYMORPHISMS), size), -1),
        pattern=pattern,
        clone=rng.integers(5, 21, size),
        banding=draw.choose(rng, {"done": 0.93, "failed": 0.03, "not done": 0.04}, size),
        sequenced=rng.random(size) < 0.85,
        secondary=draw.pick(rng.random(size) < 0.06, "tAML", secondary),
        risk=risk,
        ecog=np.digitize(rng.random(size) - 0.004 * (age - 60), [0.3, 0.75, 0.93, 0.99]),
        labs=_labs(rng, kind, carries, size),
        lab_day=rng.integers(-2, 3, size),
        donor=draw.choose(rng, {"MUD": 0.55, "MRD": 0.25, "Haplo": 0.14, UNKNOWN: 0.06}, size),
        odds=rng.random((size, 4)),
        gaps=rng.random((size, 7)),
        **_course(rng, age, np.where((kind == "tp53"), 3, risk), diagnosed),
    )


def _risk(kind: Text, carries: Flags, pattern: Text) -> Whole:
    """Return the ELN 2022 group: 0 favourable, 1 intermediate, 2 adverse."""
    shown = {name: set(found) for name, (_, found) in figures.AML_KARYOTYPES.items()}
    bad_patterns = [n for n, found in shown.items() if found & set(figures.ADVERSE_FLAGS)]
    bad_patterns += [n for n, found in shown.items() if "tv_11" in found and "t9_11" not in found]
    bad_karyotype = np.isin(pattern.astype(str), bad_patterns)
    bad_gene = carries[:, [SLOT[g] for g in figures.ADVERSE_GENES]].any(axis=1)
    npm1, itd = carries[:, SLOT["NPM1"]], carries[:, SLOT["FLT3-ITD"]]
    core = np.isin(kind.astype(str), ["t8_21", "inv16"])
    favourable = core | (~bad_karyotype & (carries[:, SLOT["CEBPA"]] | (npm1 & ~itd)))
    spared = npm1 | (pattern == "t9_11")  # their own group comes before the adverse genes
    adverse = ~favourable & (bad_karyotype | (bad_gene & ~spared) | carries[:, SLOT["TP53"]])
    return np.where(favourable, 0, np.where(adverse, 2, 1)).astype(np.int64)


def _labs(rng: np.random.Generator, kind: Text, carries: Flags, size: int) -> Floats:
    """Draw leucocytes, haemoglobin (mmol/l), platelets, LDH, blasts of marrow and blood, creatinine."""
    wbc = draw.log_normal(rng, draw.look_up(figures.AML_WBC, kind), 1.1, size)
    wbc = np.clip(wbc * np.where(carries[:, SLOT["FLT3-ITD"]], 1.9, 1.0), 0.3, 480)
    haemoglobin = np.clip(rng.normal(9.2, 1.7, size), 4.2, 15.0) * 0.6206  # g/dL to mmol/l
    platelets = np.clip(draw.log_normal(rng, 55.0, 0.8, size), 3, 900)
    ldh = np.clip(draw.log_normal(rng, 320.0, 0.55, size) * (wbc / 14) ** 0.15, 90, 8000)
    marrow = 20 + 78 * rng.beta(1.9, 1.4, size)
    blood = marrow * rng.beta(1.2, 1.5, size)
    creatinine = np.clip(draw.log_normal(rng, 82.0, 0.28, size), 35, 600)
    return np.column_stack([wbc, haemoglobin, platelets, ldh, marrow, blood, creatinine])


def _course(rng: np.random.Generator, age: Floats, risk: Whole, diagnosed: Whole) -> dict[str, Any]:
    """Draw what happens: induction, remission or failure, transplant, relapse, death or the last contact."""
    size = len(age)
    burden = np.exp(0.028 * (age - 60))
    intensive = (age < 65) | ((age < 75) & (rng.random(size) < 0.5))
    early = rng.random(size) < np.clip(0.045 * burden * np.where(intensive, 1, 1.3), 0, 0.5)
    chance = np.where(intensive, np.take(figures.AML_REMISSION, risk), np.take(figures.AML_REMISSION_GENTLE, risk))
    remits = ~early & (rng.random(size) < np.clip(chance - 0.004 * (age - 60), 0.05, 0.97))
    remission = np.where(remits, np.where(intensive, 28, 50) + rng.gamma(2.0, 8.0, size), NEVER).astype(np.int64)
    gap = draw.after(rng, 365 / np.take(figures.AML_RELAPSE, risk), size, 0.75)
    wished = remits & (risk >= 1) & (rng.random(size) < np.where(age < 60, 0.65, np.where(age < 73, 0.4, 0.0)))
    wait = (50 + rng.gamma(2.0, 22.0, size)).astype(np.int64)
    transplanted = wished & (gap > wait)
    transplant = np.where(transplanted, remission + wait, NEVER)
    later = wait + (gap - wait) / np.where(transplanted, figures.AML_TRANSPLANT_RELAPSE, 1.0)
    relapse = np.where(remits, remission + np.where(transplanted, later, gap), NEVER).astype(np.int64)
    mortality = np.where(transplanted, 0.07, 0.022) * burden
    in_remission = np.where(remits, remission + draw.after(rng, 365 / mortality, size), NEVER)
    relapse = np.where(relapse < in_remission, relapse, NEVER)
    salvaged = rng.random(size) < 0.35
    failing = np.take(figures.AML_AFTER_FAILURE, risk) / burden * np.where(salvaged, 2.0, 0.7)
    after_failure = draw.after(rng, failing, size) + np.where(salvaged, 60, 12)
    refractory_death = np.where(intensive, 36, 62) + after_failure
    death = np.where(remits, np.minimum(in_remission, relapse + after_failure), refractory_death)
    death = np.where(early, rng.integers(4, 45, size), death)
    end = np.minimum(DATA_CUT - diagnosed, draw.after(rng, 12 * draw.DAYS_A_YEAR, size) + 30)
    second = (relapse < NEVER) & salvaged & (age < 70) & (rng.random(size) < 0.6)
    return {
        "intensive": intensive,
        "remission": remission,
        "incomplete": rng.random(size) < 0.15,
        "partial": rng.random(size) < 0.25,
        "transplant": transplant,
        "relapse": relapse,
        "salvaged": salvaged,
        "second_transplant": np.where(second, relapse + 55 + rng.integers(0, 30, size), NEVER),
        "death": death.astype(np.int64),
        "last": np.minimum(death, end).astype(np.int64),
    }


def deliver(p: Patients) -> Tables:
    """Write the patients of a block as the centre's files hold them."""
    keys = draw.words(f"AML-{n:07d}" for n in p.number + 1)
    return {
        "stammdaten.csv": _roster(p, keys),
        "labor.csv": _lab_file(p, keys),
        "zytogenetik.csv": _cytogenetics(p, keys),
        "molekular.csv": _molecular(p, keys),
        "panel.csv": _panel(p, keys),
        "therapie.csv": _therapies(p, keys),
        "transplantation.csv": _transplants(p, keys),
        "verlauf.csv": _follow_up(p, keys),
    }


def _date(p: Patients, day: Whole, shown: Flags | None = None) -> Text:
    return draw.dates(p.diagnosed + day, shown, "", pattern=draw.GERMAN)


def _everyone(p: Patients) -> Whole:
    return np.arange(len(p.number))


def _roster(p: Patients, keys: Text) -> draw.Table:
    born = p.diagnosed - (p.age * draw.DAYS_A_YEAR).astype(np.int64) - 1
    return draw.table(
        _everyone(p),
        PatNr=keys,
        Nachname=SURNAMES[p.number % len(SURNAMES)],
        Vorname=draw.pick(p.female, WOMEN[p.number % 4], MEN[p.number % 4]),
        Geburtsdatum=draw.dates(born, pattern=draw.GERMAN),
        Geschlecht=draw.pick(p.female, "w", "m"),
        Station=draw.constant("Hämatologie", len(keys)),
        Diagnosedatum=draw.dates(p.diagnosed, pattern=draw.GERMAN),
        AML_Typ=draw.pick(p.odds[:, 0] < 0.02, UNKNOWN, p.secondary),
        ECOG=draw.pick(p.odds[:, 1] < 0.05, UNKNOWN, draw.whole(p.ecog)),
        ELN_2022=draw.words(["günstig", "intermediär", "ungünstig"])[p.risk],
    )


def _lab_file(p: Patients, keys: Text) -> draw.Table:
    names = ["Leukozyten (Gpt/l)", "Hb", "Thrombozyten (Gpt/l)", "LDH (U/l)", "Blasten_KM (%)", "Blasten_PB (%)",
             "Kreatinin (µmol/l)"]  # fmt: skip
    digits = [1, 1, 0, 0, 0, 0, 0]
    columns: dict[str, Text] = {"PatNr": keys, "Abnahmedatum": _date(p, p.lab_day)}
    for i, (name, places) in enumerate(zip(names, digits, strict=True)):
        unknown = p.gaps[:, i] < (0.06 if "Blasten" in name else 0.02)
        columns[name] = draw.pick(unknown, UNKNOWN, draw.fixed(p.labs[:, i], places, ","))
        if name == "Hb":
            columns["Hb_Einheit"] = draw.pick(unknown, "", "mmol/l")
    return draw.Table(columns, _everyone(p))


def _cytogenetics(p: Patients, keys: Text) -> draw.Table:
    sex = draw.pick(p.female, " w", " m")
    text = draw.words(CLONES[k][c] for k, c in zip(p.pattern + sex, p.clone, strict=True))
    text[p.banding == "failed"] = "keine Metaphasen"
    text[p.banding == "not done"] = UNKNOWN
    columns: dict[str, Text] = {"PatNr": keys, "Karyotyp": text}
    for name, finding in FLAG_COLUMNS.items():
        flag = draw.pick(p.shows(finding), "ja", "nein")
        columns[name] = draw.pick(p.banding == "done", flag, UNKNOWN)
    return draw.Table(columns, _everyone(p))


def _molecular(p: Patients, keys: Text) -> draw.Table:
    unknown = p.odds[:, 2] < 0.03
    states = {"NPM1": p.has("NPM1"), "FLT3_ITD": p.has("FLT3-ITD"), "FLT3_TKD": p.has("FLT3")}
    columns = {n: draw.pick(unknown, UNKNOWN, draw.pick(has, "pos", "neg")) for n, has in states.items()}
    double = p.has("CEBPA") & p.has("CEBPA-N")
    single = p.has("CEBPA") ^ p.has("CEBPA-N")
    ratio = p.has("FLT3-ITD") & ~unknown
    return draw.table(
        _everyone(p),
        PatNr=keys,
        **columns,
        FLT3_ITD_Ratio=draw.pick(ratio, draw.fixed(p.allele[:, SLOT["FLT3-ITD"]] * 1.4, 2, ","), ""),
        CEBPA=draw.pick(unknown, UNKNOWN, draw.pick(double, "bi", draw.pick(single, "mono", "wt"))),
        Panel=draw.pick(p.sequenced, "ja", "nein"),
    )


def _panel(p: Patients, keys: Text) -> draw.Table:
    owner, slot = np.nonzero(p.carries & p.sequenced[:, None])
    count = np.array([len(VARIANTS[s]) for s in SLOTS])
    offset = np.concatenate([[0], np.cumsum(count)[:-1]])
    every = [(s, *v) for s in SLOTS for v in VARIANTS[s]]
    chosen = offset[slot] + (p.which[owner, slot] ** 1.5 * count[slot]).astype(np.int64)
    drivers = _variants(p, keys, owner, every, chosen, p.allele[owner, slot], "pathogen")
    silent = np.flatnonzero((p.polymorphism >= 0) & p.sequenced)
    common = _variants(p, keys, silent, list(POLYMORPHISMS), p.polymorphism[silent],
                       0.45 + 0.1 * p.allele[silent, 0], "unklar")  # fmt: skip
    return draw.stack([drivers, common])


def _variants(
    p: Patients, keys: Text, owner: Whole, every: list[tuple[str, str, str]], chosen: Whole, vaf: Floats, verdict: str
) -> draw.Table:
    names, coding, protein = (draw.words(v[i] for v in every)[chosen] for i in range(3))
    genes = draw.words(n.partition("-")[0] for n, _, _ in every)[chosen]
    return draw.table(
        owner,
        PatNr=keys[owner],
        Gen=genes,
        Typ=draw.pick(names == "FLT3-ITD", "ITD", "SNV/Indel"),
        cDNA=coding,
        Protein=protein,
        VAF_Prozent=draw.fixed(vaf * 100, 1, ","),
        Abdeckung=draw.whole(400 + (p.allele[owner, 1] * 3000).astype(np.int64)),
        Bewertung=draw.constant(verdict, len(owner)),
    )


def _therapies(p: Patients, keys: Text) -> draw.Table:
    start = 1 + (p.odds[:, 0] * 7).astype(np.int64)
    start = np.minimum(start, p.last)
    answered = np.where(p.intensive, 34, 60)
    good = p.remission <= p.last
    judged = np.where(good, p.remission, np.minimum(start + answered, p.last))
    early = (p.death <= 45) & (p.remission >= NEVER) & (p.death <= p.last)
    known = good | early | (start + answered <= p.last)
    bad = draw.pick(early, "FT", draw.pick(p.partial, "TR", "NE"))
    answer = draw.pick(known, draw.pick(good, draw.pick(p.incomplete, "VRi", "VR"), bad), UNKNOWN)
    induction = _line(p, keys, np.ones(len(keys), bool), "1", _induction(p), start, 7, answer, judged, known)
    consolidated = good & p.intensive & (p.remission + 14 <= np.minimum(p.last, p.relapse)) & (p.odds[:, 3] < 0.85)
    none = draw.constant(UNKNOWN, len(keys))
    more = _line(
        p, keys, consolidated, "1", draw.constant("HDAC", len(keys)), p.remission + 10, 5, none, p.last, ~known
    )
    failed = np.where(p.relapse < NEVER, p.relapse + 6, np.where(~good & ~early, judged + 5, NEVER))
    treated = (failed + 40 <= p.last) & (p.odds[:, 3] < 0.9)
    salvage = draw.pick(p.has("FLT3-ITD") & (p.diagnosed > VENETOCLAX_FROM), "Gilteritinib", "FLAG-Ida")
    salvage = draw.pick(p.age > 72, "Azacitidin", salvage)
    result = draw.pick(p.salvaged, "VR", "NE")
    second = _line(p, keys, treated, "2", salvage, failed, 6, result, failed + 38, treated)
    return draw.stack([induction, more, second])


def _induction(p: Patients) -> Text:
    flt3 = (p.has("FLT3-ITD") | p.has("FLT3")) & (p.diagnosed > MIDOSTAURIN_FROM)
    core = np.isin(p.kind.astype(str), ["t8_21", "inv16"])
    late = p.diagnosed > MIDOSTAURIN_FROM
    strong = draw.pick(core & late, "7+3+GO", draw.pick((p.secondary != "de novo") & late, "CPX-351", "7+3"))
    strong = draw.pick(flt3, "7+3+Midostaurin", strong)
    gentle = draw.pick(p.odds[:, 1] < 0.7, "Azacitidin", "Decitabin")
    gentle = draw.pick(p.diagnosed > VENETOCLAX_FROM, "Azacitidin+Venetoclax", gentle)
    return draw.pick(p.intensive, strong, gentle)


def _line(
    p: Patients, keys: Text, given: Flags, line: str, what: Text, start: Whole, length: int,
    answer: Text, judged: Whole, known: Flags,
) -> draw.Table:  # fmt: skip
    cycles = 1 + (p.odds[:, 2] * 4).astype(np.int64)
    cycles = np.where(p.intensive, np.minimum(cycles, 2), cycles)
    end = start + length + 28 * (cycles - 1)
    owner = np.flatnonzero(given)
    rows = draw.table(
        np.arange(len(keys)),
        PatNr=keys,
        Linie=draw.constant(line, len(keys)),
        Therapie=what,
        Beginn=_date(p, start),
        Ende=_date(p, np.minimum(end, p.last)),
        Zyklen=draw.whole(cycles),
        Ansprechen=answer,
        Datum_Ansprechen=_date(p, np.maximum(judged, start), known),
        Bearbeiter=draw.constant("Dok", len(keys)),
    )
    return draw.Table({n: t[owner] for n, t in rows.columns.items()}, owner)


def _transplants(p: Patients, keys: Text) -> draw.Table:
    first = np.flatnonzero(p.transplant <= p.last)
    second = np.flatnonzero((p.second_transplant <= p.last) & (p.transplant > p.last))
    parts = []
    for owner, day, state in ((first, p.transplant, "1. VR"), (second, p.second_transplant, "2. VR")):
        parts.append(
            draw.table(
                owner,
                PatNr=keys[owner],
                TPL_Datum=draw.dates((p.diagnosed + day)[owner], pattern=draw.GERMAN),
                TPL_Art=draw.pick(p.donor[owner] == "Haplo", "haplo", "allogen"),
                Spender=p.donor[owner],
                Status_vor_TPL=draw.constant(state, len(owner)),
            )
        )
    return draw.stack(parts)


def _follow_up(p: Patients, keys: Text) -> draw.Table:
    dead = p.death <= p.last
    relapsed = p.relapse <= p.last
    cause = draw.pick(relapsed, "Rezidiv", draw.pick(p.remission <= p.last, "in Remission", "refraktär"))
    cause = draw.pick((p.death <= 45) & (p.remission > p.last), "Frühtod", cause)
    return draw.table(
        _everyone(p),
        PatNr=keys,
        VR_Datum=_date(p, p.remission, p.remission <= p.last),
        Rezidiv_Datum=_date(p, p.relapse, relapsed),
        Letzter_Kontakt=_date(p, p.last),
        Vitalstatus=draw.pick(dead, "verstorben", "lebt"),
        Todesursache=draw.pick(dead, cause, ""),
    )
