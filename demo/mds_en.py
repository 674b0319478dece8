"""The made-up delivery of an English-speaking MDS centre: one wide registry, long labs, a gene matrix, UTF-8 commas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from haemony.demo import draw, figures
from haemony.demo.draw import NEVER, Flags, Floats, Tables, Text, Whole

PARTNER: Final = "demo_mds"
FIRST_DIAGNOSIS, LAST_DIAGNOSIS, DATA_CUT = map(draw.epoch, ("2010-01-01", "2022-12-31", "2024-06-30"))
LUSPATERCEPT_FROM: Final = draw.epoch("2020-04-01")
VISITS: Final = 4
DAYS_A_MONTH: Final = 30.4375  # UCUM: mo is mo_j, a twelfth of the Julian year

SPLICING: Final = tuple(s for s in figures.MDS_SPLICING if s != "none")
GENES: Final = SPLICING + tuple(figures.MDS_GENES)
GENE: Final = {name: i for i, name in enumerate(GENES)}
#: Genes that only the larger panel holds: written as a list in one cell.
LISTED: Final = ("BCOR", "CBL", "CEBPA", "CSF3R", "GATA2", "IDH1", "IDH2", "JAK2", "KRAS", "MPL", "NRAS", "PHF6",
                 "SETBP1", "WT1")  # fmt: skip
MATRIX: Final = tuple(sorted(set(GENES) - set(LISTED)))
CLONES: Final = draw.karyotypes({name: row[0] for name, row in figures.MDS_KARYOTYPES.items()})
FISH: Final = {"fish_del5q": "del5q", "fish_minus7": "minus7", "fish_plus8": "plus8", "fish_del20q": "del20q"}
GROUPS: Final = tuple(figures.IPSSR)

#: Tests of the lab file: unit, decimals, log-normal median (None: from the patient's blood count), sigma.
LABS: Final[dict[str, tuple[str, int, float | None, float]]] = {
    "HGB": ("g/dL", 1, None, 0.0),
    "PLT": ("K/uL", 0, None, 0.0),
    "ANC": ("K/uL", 2, None, 0.0),
    "WBC": ("K/uL", 1, None, 0.0),
    "LDH": ("U/L", 0, 215.0, 0.3),
    "CREA": ("mg/dL", 2, 0.95, 0.25),
    "FERR": ("ng/mL", 0, 480.0, 0.9),
}
FERRITIN_LIMIT: Final = 2000.0  # above it the laboratory writes ">" and the limit


@dataclass(frozen=True)
class Patients:
    """The patients of a block; the first axis of every field is the patient. Days count from diagnosis."""

    number: Whole
    age: Floats
    female: Flags
    diagnosed: Whole
    pattern: Text
    clone: Whole
    banded: Flags
    fished: Flags
    carries: Flags
    sequenced: Flags
    untested: Flags
    blasts: Floats
    counts: Floats
    points: Floats
    group: Whole
    erythropoietin: Whole
    lenalidomide: Whole
    luspatercept: Whole
    azacitidine: Whole
    venetoclax: Flags
    transplant: Whole
    answer: Floats
    leukaemia: Whole
    death: Whole
    last: Whole
    visit: Whole
    lab: Floats
    odds: Floats
    donor: Text

    def shows(self, finding: str) -> Flags:
        """Tell whose karyotype shows a finding."""
        return _shows(self.pattern, finding)

    def has(self, gene: str) -> Flags:
        """Tell who carries a mutation of a gene."""
        flags: Flags = self.carries[:, GENE[gene]]
        return flags


def _shows(pattern: Text, finding: str) -> Flags:
    return np.isin(pattern.astype(str), [n for n, row in figures.MDS_KARYOTYPES.items() if finding in row[1]])


def draw_patients(rng: np.random.Generator, first: int, size: int) -> Patients:
    """Draw a block of patients; ``first`` is the number of its first."""
    mean, spread, low, high = figures.MDS_AGE
    age = np.clip(rng.normal(mean, spread, size), low, high)
    female = rng.random(size) < figures.MDS_FEMALE
    pattern = draw.choose(rng, {n: row[3] for n, row in figures.MDS_KARYOTYPES.items()}, size)
    pattern[female & (pattern == "minusY")] = "del5q"  # isolated del(5q) is the women's
    carries = _mutations(rng, pattern, size)
    high_risk = carries[:, [GENE[g] for g in ("SRSF2", "RUNX1", "STAG2", "ASXL1", "TP53", "U2AF1")]].sum(axis=1)
    high_risk = high_risk - 2 * carries[:, GENE["SF3B1"]] - 1 * (pattern == "del5q")
    blasts = np.clip(draw.log_normal(rng, 3.1 * np.exp(0.32 * high_risk), 0.75, size), 0, 19.4)
    counts = _counts(rng, pattern, carries, blasts, size)
    points = _points(pattern, blasts, counts)
    group = np.searchsorted([figures.IPSSR[g][0] for g in GROUPS], points).astype(np.int64)
    diagnosed = rng.integers(FIRST_DIAGNOSIS, LAST_DIAGNOSIS, size)
    visits = np.cumsum(np.column_stack([rng.integers(-2, 1, size), rng.integers(60, 200, (size, VISITS - 1))]), axis=1)
    return Patients(
        number=np.arange(first, first + size),
        age=age,
        female=female,
        diagnosed=diagnosed,
        pattern=pattern,
        clone=rng.integers(5, 21, size),
        banded=rng.random(size) < 0.95,
        fished=rng.random(size) < 0.5,
        carries=carries,
        sequenced=rng.random(size) < 0.8,
        untested=rng.random((size, len(MATRIX))) < 0.02,
        blasts=blasts,
        counts=counts,
        points=points,
        group=group,
        **_course(rng, age, pattern, carries, counts, group, diagnosed),
        visit=visits,
        lab=rng.standard_normal((size, VISITS, len(LABS))),
        odds=rng.random((size, 4)),
        donor=draw.choose(rng, {"Unrelated": 0.6, "Related": 0.25, "Haploidentical": 0.15}, size),
    )


def _mutations(rng: np.random.Generator, pattern: Text, size: int) -> Flags:
    complex_ = np.char.startswith(pattern.astype(str), "complex")
    splicing = draw.choose(rng, figures.MDS_SPLICING, size)
    splicing[complex_ & (rng.random(size) < 0.7)] = "none"
    chances = np.column_stack([draw.look_up(table, splicing) for table in figures.MDS_GENES.values()])
    p53 = list(figures.MDS_GENES).index("TP53")
    chances[complex_] *= 0.4
    chances[complex_, p53] = figures.TP53_IN_COMPLEX
    chances[pattern == "del5q", p53] = figures.TP53_IN_DEL5Q
    chosen = np.column_stack([splicing == s for s in SPLICING])
    return np.hstack([chosen, rng.random(chances.shape) < chances])


def _counts(rng: np.random.Generator, pattern: Text, carries: Flags, blasts: Floats, size: int) -> Floats:
    """Draw haemoglobin (g/dL), platelets, neutrophils, leucocytes (10*9/L)."""
    sideroblastic = carries[:, GENE["SF3B1"]]
    five = pattern == "del5q"
    haemoglobin = np.clip(rng.normal(9.9, 1.6, size) - 0.5 * (sideroblastic | five), 4.5, 15.5)
    middle = np.where(five, 240.0, np.where(sideroblastic, 220.0, 105.0)) * np.exp(-0.03 * blasts)
    platelets = np.clip(draw.log_normal(rng, middle, 0.65, size), 4, 900)
    neutrophils = np.clip(draw.log_normal(rng, 1.9 * np.exp(-0.04 * blasts), 0.7, size), 0.05, 20)
    leucocytes = neutrophils / np.clip(rng.normal(0.5, 0.1, size), 0.25, 0.8)
    return np.column_stack([haemoglobin, platelets, neutrophils, leucocytes])


def _points(pattern: Text, blasts: Floats, counts: Floats) -> Floats:
    """Return the points of IPSS-R."""
    cytogenetic = draw.look_up({n: row[2] for n, row in figures.MDS_KARYOTYPES.items()}, pattern)
    marrow = np.select([blasts <= 2, blasts < 5, blasts <= 10], [0.0, 1.0, 2.0], 3.0)
    haemoglobin = np.select([counts[:, 0] >= 10, counts[:, 0] >= 8], [0.0, 1.0], 1.5)
    platelets = np.select([counts[:, 1] >= 100, counts[:, 1] >= 50], [0.0, 0.5], 1.0)
    neutrophils = np.where(counts[:, 2] >= 0.8, 0.0, 0.5)
    return np.asarray(cytogenetic + marrow + haemoglobin + platelets + neutrophils, dtype=np.float64)


def _course(
    rng: np.random.Generator, age: Floats, pattern: Text, carries: Flags, counts: Floats, group: Whole, diagnosed: Whole
) -> dict[str, Any]:
    """Draw treatments, transformation to AML, death or the last contact."""
    size = len(age)
    higher = group >= 2
    five = pattern == "del5q"
    anaemic = counts[:, 0] < 10
    epo = np.where(~higher & anaemic & (rng.random(size) < 0.7), rng.integers(10, 90, size), NEVER)
    lena = np.where(five & ~higher & anaemic & (rng.random(size) < 0.75), rng.integers(100, 400, size), NEVER)
    rings = carries[:, GENE["SF3B1"]] & ~higher & anaemic & (rng.random(size) < 0.6)
    lusp = np.maximum(rng.integers(300, 900, size), LUSPATERCEPT_FROM - diagnosed)
    aza = np.where(higher & (rng.random(size) < 0.7), rng.integers(10, 60, size), NEVER)
    tpl = (group >= 2) & (age < 72) & (rng.random(size) < 0.4)
    transplant = np.where(tpl, 120 + rng.gamma(2.0, 45.0, size), NEVER).astype(np.int64)
    years = np.array([figures.IPSSR[g][1] for g in GROUPS])[group]
    quarter = np.array([figures.IPSSR[g][2] for g in GROUPS])[group]
    burden = np.exp(0.03 * (age - 71)) * np.where(carries[:, GENE["TP53"]] & (group >= 3), 1.6, 0.95)
    helped = np.where(aza < NEVER, 1.2, 1.0) * np.where(lena < NEVER, 1.15, 1.0) * np.where(tpl, 2.2, 1.0)
    scale = years / np.log(2) * draw.DAYS_A_YEAR / burden * helped
    leukaemia = draw.after(rng, quarter / -np.log(0.75) * draw.DAYS_A_YEAR * helped, size) + 40
    natural = draw.after(rng, scale * 1.15, size, 1.1)
    death = np.where(leukaemia < natural, leukaemia + draw.after(rng, 260.0, size), natural)
    transplant = np.where(transplant < np.minimum(leukaemia, death), transplant, NEVER)
    end = np.minimum(DATA_CUT - diagnosed, draw.after(rng, 14 * draw.DAYS_A_YEAR, size) + 30)
    return {
        "erythropoietin": epo,
        "lenalidomide": lena,
        "luspatercept": np.where(rings, lusp, NEVER),
        "azacitidine": aza,
        "venetoclax": rng.random(size) < 0.2,
        "transplant": transplant,
        "answer": rng.random((size, 4)),
        "leukaemia": np.where(leukaemia < death, leukaemia, NEVER),
        "death": death,
        "last": np.minimum(death, end).astype(np.int64),
    }


def deliver(p: Patients) -> Tables:
    """Write the patients of a block as the centre's files hold them."""
    keys = draw.words(f"M{n:07d}" for n in p.number + 1)
    given = _treatments(p, keys)
    return {
        "registry.csv": _registry(p, keys),
        "labs.csv": _lab_file(p, keys),
        "fish.csv": _fish(p, keys),
        "samples.csv": _samples(p, keys),
        "genes.csv": _gene_matrix(p),
        "treatments.csv": given[0],
        "responses.csv": given[1],
    }


def _date(p: Patients, day: Whole, shown: Flags | None = None) -> Text:
    return draw.dates(p.diagnosed + day, shown)


def _everyone(p: Patients) -> Whole:
    return np.arange(len(p.number))


def _registry(p: Patients, keys: Text) -> draw.Table:
    size = len(keys)
    dead, grafted = p.death <= p.last, p.transplant <= p.last
    sex = draw.pick(p.female, " w", " m")
    text = draw.words(CLONES[k][c] for k, c in zip(p.pattern + sex, p.clone, strict=True))
    months = np.ceil(p.last / DAYS_A_MONTH * 100) / 100  # up, so that no record falls after the last contact
    initials = draw.words(["A.B.", "C.D.", "E.F.", "G.H."])[p.number % 4]
    return draw.table(
        _everyone(p),
        patient_id=keys,
        initials=initials,
        site=draw.constant("Main", size),
        age=draw.whole(np.floor(p.age)),
        sex=draw.pick(p.odds[:, 0] < 0.003, "Unknown", draw.pick(p.female, "Female", "Male")),
        dx_date=draw.dates(p.diagnosed),
        diagnosis=_subtype(p),
        hgb=draw.fixed(p.counts[:, 0], 1),
        plt=draw.fixed(p.counts[:, 1], 0),
        anc=draw.fixed(p.counts[:, 2], 2),
        bm_blasts=draw.pick(p.odds[:, 1] < 0.04, "NA", draw.fixed(p.blasts, 0)),
        cfs=draw.pick(p.odds[:, 3] > 0.7, "NA", draw.whole(np.clip(1 + p.age / 25 + 2 * p.odds[:, 2], 1, 9))),
        karyotype=draw.pick(p.banded, text, ""),
        ipss_r=draw.words(GROUPS)[p.group],
        ipss_r_score=draw.fixed(p.points, 1),
        hsct=draw.pick(grafted, "Yes", "No"),
        hsct_date=_date(p, p.transplant, grafted),
        donor=draw.pick(grafted, p.donor, ""),
        aml_date=_date(p, p.leukaemia, p.leukaemia <= p.last),
        last_seen=_date(p, p.last),
        os_months=draw.fixed(months, 2),
        os_status=draw.pick(dead, "1", "0"),
    )


def _subtype(p: Patients) -> Text:
    """Name the WHO 2016 subtype."""
    lineages = draw.pick(p.odds[:, 2] < 0.35, "MDS-SLD", "MDS-MLD")
    rings = draw.pick(p.odds[:, 2] < 0.35, "MDS-RS-SLD", "MDS-RS-MLD")
    subtype = draw.pick(p.has("SF3B1"), rings, lineages)
    subtype = draw.pick((p.pattern == "del5q") & (p.blasts < 4.5), "MDS-del5q", subtype)
    return draw.pick(p.blasts >= 9.5, "MDS-EB2", draw.pick(p.blasts >= 4.5, "MDS-EB1", subtype))


def _lab_file(p: Patients, keys: Text) -> draw.Table:
    seen = p.visit <= p.last[:, None]
    parts = []
    for i, (test, (unit, digits, median, sigma)) in enumerate(LABS.items()):
        noise = p.lab[:, :, i]
        if median is None:
            values = p.counts[:, [i]] * np.exp(0.08 * noise * (np.arange(VISITS) > 0))
        else:
            values = median * np.exp(sigma * noise)
        owner, visit = np.nonzero(seen & ((np.arange(VISITS) == 0) | (i < 3)))
        value = values[owner, visit]
        capped = (test == "FERR") & (value > FERRITIN_LIMIT)
        parts.append(
            draw.table(
                owner,
                patient_id=keys[owner],
                drawn_on=draw.dates(p.diagnosed[owner] + p.visit[owner, visit]),
                test=draw.constant(test, len(owner)),
                comparator=draw.pick(capped, ">", ""),
                result=draw.fixed(np.where(capped, FERRITIN_LIMIT, value), digits),
                unit=draw.constant(unit, len(owner)),
            )
        )
    return draw.stack(parts)


def _fish(p: Patients, keys: Text) -> draw.Table:
    owner = np.flatnonzero(p.fished)
    columns = {
        name: draw.pick(p.odds[owner, i] < 0.05, "Not done", draw.pick(p.shows(finding)[owner], "Yes", "No"))
        for i, (name, finding) in enumerate(FISH.items())
    }
    return draw.table(owner, patient_id=keys[owner], **columns)


def _sample_ids(p: Patients, owner: Whole) -> Text:
    return draw.words(f"S{n:07d}-BM" for n in p.number[owner] + 1)


def _samples(p: Patients, keys: Text) -> draw.Table:
    owner = np.flatnonzero(p.sequenced)
    return draw.table(
        owner,
        sample_id=_sample_ids(p, owner),
        patient_id=keys[owner],
        material=draw.constant("bone marrow", len(owner)),
        collected=draw.dates((p.diagnosed + p.visit[:, 0])[owner]),
    )


def _gene_matrix(p: Patients) -> draw.Table:
    owner = np.flatnonzero(p.sequenced)
    columns: dict[str, Text] = {"sample_id": _sample_ids(p, owner)}
    for i, gene in enumerate(MATRIX):
        flag = draw.pick(p.has(gene)[owner], "1", "0")
        columns[gene] = draw.pick(p.untested[owner, i], "", flag)
    listed = draw.constant("", len(owner))
    for gene in LISTED:
        joined = draw.pick(listed == "", gene, listed + "; " + gene)
        listed = draw.pick(p.has(gene)[owner], joined, listed)
    columns["other_genes"] = listed
    return draw.Table(columns, owner)


def _treatments(p: Patients, keys: Text) -> tuple[draw.Table, draw.Table]:
    """Write the treatments, numbered by their start, and the responses to them."""
    aza = np.where(p.venetoclax & (p.diagnosed > LUSPATERCEPT_FROM), "AZA-VEN", "AZA").astype(object)
    names = np.column_stack([draw.constant("ESA", len(keys)), draw.constant("LEN", len(keys)),
                             draw.constant("LUSP", len(keys)), aza])  # fmt: skip
    start = np.column_stack([p.erythropoietin, p.lenalidomide, p.luspatercept, p.azacitidine])
    line = start.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") + 1
    owner, kind = np.nonzero(start <= p.last[:, None])
    begin, what, nth = start[owner, kind], names[owner, kind], draw.whole(line[owner, kind])
    answer = p.answer[owner, kind]
    cycles = 2 + (answer * 8).astype(np.int64)
    stop = np.minimum(begin + 28 * cycles, p.last[owner])
    given = draw.table(
        owner,
        patient_id=keys[owner],
        line=nth,
        regimen=what,
        start=draw.dates(p.diagnosed[owner] + begin),
        stop=draw.dates(p.diagnosed[owner] + stop),
        cycles=draw.whole(cycles),
        status=draw.constant("given", len(owner)),
    )
    planned = np.flatnonzero((p.group == 0) & (p.odds[:, 3] < 0.1))
    wish = draw.table(
        planned,
        patient_id=keys[planned],
        line=draw.constant("", len(planned)),
        regimen=draw.constant("ESA", len(planned)),
        start=draw.constant("", len(planned)),
        stop=draw.constant("", len(planned)),
        cycles=draw.constant("", len(planned)),
        status=draw.constant("planned", len(planned)),
    )
    judged = begin + 112
    heard = np.flatnonzero(judged <= p.last[owner])
    hit = answer[heard]
    strong = np.char.startswith(what[heard].astype(str), "AZA")
    low = draw.pick(hit < 0.45, "HI", draw.pick(hit < 0.85, "SD", "PD"))
    high = draw.pick(hit < 0.18, "CR", draw.pick(hit < 0.24, "PR", draw.pick(hit < 0.42, "HI", "SD")))
    responses = draw.table(
        owner[heard],
        patient_id=keys[owner[heard]],
        line=nth[heard],
        assessed_on=draw.dates(p.diagnosed[owner[heard]] + judged[heard]),
        response=draw.pick(strong & (hit > 0.8), "PD", draw.pick(strong, high, low)),
    )
    return draw.stack([given, wish]), responses
