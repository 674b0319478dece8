"""The made-up delivery of a Spanish myeloma registry: a roster and five long tables, semicolons, commas, Latin-1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from haemony.demo import draw, figures
from haemony.demo.draw import NEVER, Flags, Floats, Tables, Text, Whole

PARTNER: Final = "demo_mm"
UNKNOWN: Final = "no consta"
FIRST_DIAGNOSIS, LAST_DIAGNOSIS, DATA_CUT = map(draw.epoch, ("2011-01-01", "2022-12-31", "2024-06-30"))
DAYS_A_MONTH: Final = draw.DAYS_A_YEAR / 12
LINES: Final = len(figures.MM_LINES)
STAGES: Final = ("I", "II", "III")
NEXT_SETTING: Final = ("second", "third", "later", "later")
REGIMENS: Final = tuple(dict.fromkeys(name for ones in figures.MM_REGIMENS.values() for name in ones))
PARTIAL: Final = figures.MM_RESPONSES.index("RP")  # from here on, a response
REMARKS: Final = draw.words(["", "", "", "buena tolerancia; sin ingresos", "reducción de dosis", "precisó G-CSF"])
SURNAMES: Final = draw.words(["Prueba", "Ejemplo", "Muestra", "Ficción", "Ensayo", "Año"])
MEN: Final = draw.words(["Íñigo", "Antonio", "José", "Luis"])
WOMEN: Final = draw.words(["María", "Carmen", "Begoña", "Lucía"])

#: Tests of the laboratory file: unit, factor from the unit that is drawn, and decimals, in the first of the registry's
#: two laboratories and in the second. Factors: molar masses of calcium (40.078) and creatinine (113.12).
TESTS: Final[dict[str, tuple[tuple[str, float, int], tuple[str, float, int]]]] = {
    "Hemoglobina": (("g/dl", 1.0, 1), ("g/l", 10.0, 0)),
    "Creatinina": (("mg/dl", 1.0, 2), ("µmol/l", 88.4, 0)),
    "Calcio": (("mg/dl", 1.0, 1), ("mmol/l", 0.2495, 2)),
    "Componente monoclonal": (("g/dl", 0.1, 2), ("g/l", 1.0, 1)),
    "Plaquetas": (("x10^9/l", 1.0, 0), ("x10^9/l", 1.0, 0)),
    "Albúmina": (("g/dl", 0.1, 2), ("g/l", 1.0, 1)),
    "Beta-2 microglobulina": (("mg/l", 1.0, 2), ("mg/l", 1.0, 2)),
    "LDH": (("U/l", 1.0, 0), ("U/l", 1.0, 0)),
    "Cadenas ligeras libres kappa": (("mg/l", 1.0, 1), ("mg/dl", 0.1, 2)),
    "Cadenas ligeras libres lambda": (("mg/l", 1.0, 1), ("mg/dl", 0.1, 2)),
    "Células plasmáticas en MO": (("%", 1.0, 0), ("%", 1.0, 0)),
}
FOLLOWED: Final = 4  # the first of these tests are done again with each response and progression
HAEMOGLOBIN, CREATININE, CALCIUM, PROTEIN, PLATELETS, ALBUMIN, MICROGLOBULIN, LDH, KAPPA, LAMBDA, CELLS = range(11)


@dataclass(frozen=True)
class Patients:
    """The patients of a block; the first axis of every field is the patient, the second the line, test or finding.

    Days count from diagnosis; what does not happen is on a day after the last contact.
    """

    number: Whole
    age: Floats
    female: Flags
    diagnosed: Whole
    isotype: Text
    abnormal: Flags
    fished: Flags
    labs: Floats
    stage: Whole
    revised: Whole
    ecog: Whole
    lesions: Flags
    fit: Flags
    begin: Whole
    end: Whole
    reason: Text
    regimen: Text
    response: Whole
    judged: Whole
    progress: Whole
    graft: Whole
    allogeneic: Flags
    death: Whole
    last: Whole
    toxic: Floats
    toxic_day: Floats
    grade: Floats
    follow: Floats
    odds: Floats


def draw_patients(rng: np.random.Generator, first: int, size: int) -> Patients:
    """Draw a block of patients; ``first`` is the number of its first."""
    mean, spread, low, high = figures.MM_AGE
    age = np.clip(rng.normal(mean, spread, size), low, high)
    diagnosed = rng.integers(FIRST_DIAGNOSIS, LAST_DIAGNOSIS, size)
    isotype = draw.choose(rng, {name: share for name, (share, _) in figures.MM_ISOTYPES.items()}, size)
    abnormal = _abnormalities(rng, size)
    labs = _labs(rng, isotype, abnormal, size)
    stage, revised = _stages(labs, abnormal)
    return Patients(
        number=np.arange(first, first + size),
        age=age,
        female=rng.random(size) < figures.MM_FEMALE,
        diagnosed=diagnosed,
        isotype=isotype,
        abnormal=abnormal,
        fished=(rng.random(size) < 0.88)[:, None] & (rng.random((size, 4)) < (0.99, 0.98, 0.9, 0.93)),
        labs=labs,
        stage=stage,
        revised=revised,
        ecog=np.digitize(rng.random(size) - 0.005 * (age - 69), [0.28, 0.7, 0.88, 0.97]),
        lesions=rng.random(size) < 0.72,
        **_course(rng, age, revised, abnormal[:, 3], diagnosed),
        toxic=rng.random((size, LINES, len(figures.MM_TOXICITY))),
        toxic_day=rng.random((size, LINES, len(figures.MM_TOXICITY))),
        grade=rng.random((size, LINES, len(figures.MM_TOXICITY))),
        follow=rng.standard_normal((size, 4, FOLLOWED)),
        odds=rng.random((size, 8)),
    )


def _abnormalities(rng: np.random.Generator, size: int) -> Flags:
    """Draw del(17p), t(4;14), t(14;16) and the gain of 1q; both translocations hit the same locus."""
    locus = rng.random(size)
    four = locus < figures.MM_T_4_14
    sixteen = ~four & (locus < figures.MM_T_4_14 + figures.MM_T_14_16)
    bad = (four | sixteen).astype(np.int64)
    deleted = rng.random(size) < np.take(figures.MM_DEL_17P, bad)
    gained = rng.random(size) < np.take(figures.MM_GAIN_1Q, bad)
    return np.column_stack([deleted, four, sixteen, gained])


def _labs(rng: np.random.Generator, isotype: Text, abnormal: Flags, size: int) -> Floats:
    """Draw the tests at diagnosis, in the first laboratory's units, but proteins in g/L and light chains in mg/L."""
    burden = rng.standard_normal(size) + 0.4 * abnormal[:, :3].any(axis=1)
    kidney = np.where(rng.random(size) < 0.18, rng.gamma(1.5, 1.6, size), 0.0)
    median = draw.look_up({name: protein for name, (_, protein) in figures.MM_ISOTYPES.items()}, isotype)
    light = 18 * np.exp(2.4 + 1.1 * rng.standard_normal(size) + 0.4 * burden)
    other = draw.log_normal(rng, 11.0, 0.45, size)
    lambdas = np.char.endswith(isotype.astype(str), "lambda")
    silent = isotype == "no secretor"
    haemoglobin = 11.1 - 0.7 * burden - 0.3 * kidney + rng.normal(0, 1.6, size)
    creatinine = draw.log_normal(rng, 0.88, 0.25, size) + kidney
    calcium = rng.normal(9.5, 0.7, size) + np.where(rng.random(size) < 0.13, rng.gamma(2.0, 1.0, size), 0)
    return np.column_stack(
        [
            np.clip(haemoglobin, 4.6, 17),
            np.clip(creatinine, 0.4, 14),
            np.clip(calcium, 7, 17),
            np.clip(draw.log_normal(rng, median, 0.45, size), 0, 110),
            np.clip(draw.log_normal(rng, 215.0 * np.exp(-0.1 * burden), 0.38, size), 9, 900),
            np.clip(rng.normal(38.5, 5.0, size) - 2.0 * burden, 15, 55),
            np.clip(draw.log_normal(rng, 3.6 * np.exp(0.25 * burden), 0.45, size) + 1.5 * kidney, 1, 80),
            np.clip(draw.log_normal(rng, 172.0 * np.exp(0.04 * burden), 0.28, size), 80, 2500),
            np.where(lambdas | silent, other, light),
            np.where(lambdas, light, other),
            np.clip(100 * rng.beta(2.0, 3.2, size) * np.exp(0.15 * burden), 10, 98),
        ]
    )


def _stages(labs: Floats, abnormal: Flags) -> tuple[Whole, Whole]:
    """Return the stages of ISS and of R-ISS, 0 to 2."""
    low, high, albumin = figures.ISS_LIMITS
    first = (labs[:, MICROGLOBULIN] < low) & (labs[:, ALBUMIN] >= albumin)
    iss = np.where(first, 0, np.where(labs[:, MICROGLOBULIN] >= high, 2, 1))
    bad, active = abnormal[:, :3].any(axis=1), labs[:, LDH] > figures.MM_HIGH_LDH
    revised = np.where((iss == 0) & ~bad & ~active, 0, np.where((iss == 2) & (bad | active), 2, 1))
    return iss.astype(np.int64), revised.astype(np.int64)


def _course(rng: np.random.Generator, age: Floats, revised: Whole, gained: Flags, diagnosed: Whole) -> dict[str, Any]:
    """Draw the lines of treatment, the answer to each, transplants, progressions, death or the last contact."""
    size = len(age)
    fit = (age < 70) & (rng.random(size) < 0.92)
    months = np.take(figures.RISS_PROGRESSION, revised) * np.where(fit, 1.2, 0.85) * np.where(gained, 0.85, 1.08)
    burden = np.exp(0.075 * (age - 69)) * np.take((0.6, 1.0, 2.2), revised)
    death = draw.after(rng, 365 / (0.016 * burden), size)
    death = np.where(rng.random(size) < 0.0012 * age * np.where(fit, 0.5, 1.0), rng.integers(10, 180, size), death)
    begin = rng.integers(3, 40, size)
    lines: dict[str, list[Any]] = {
        name: [] for name in ("begin", "end", "reason", "regimen", "response", "judged", "progress")
    }
    setting = draw.pick(fit, "transplant", "first")
    for nth, (length, chance) in enumerate(figures.MM_LINES):
        depth = rng.random(size)
        shares = figures.MM_RESPONSE_SHARES[min(nth, len(figures.MM_RESPONSE_SHARES) - 1)]
        response = np.searchsorted(np.cumsum(shares)[:-1], depth, side="right")
        mean = months * length * DAYS_A_MONTH / np.log(2) * (0.45 + 1.1 * depth)
        free = np.where(response == 0, rng.integers(30, 95, size), 30 + draw.after(rng, mean, size, 1.15))
        progress = np.minimum(begin + free, NEVER)
        treated = rng.random(size) < chance * np.where(fit, 1.1, 0.92) * np.take((1.06, 1.0, 0.85), revised)
        doomed = (progress < NEVER) & ~treated
        death = np.where(doomed, np.minimum(death, progress + draw.after(rng, 150.0, size)), death)
        progress = np.where(progress < death, progress, NEVER)
        regimen = _regimens(rng, setting, diagnosed + begin)
        end, reason = _ends(rng, begin, regimen, progress, death)
        judged = np.minimum(begin + 60 + rng.integers(0, 150, size), np.maximum(progress, begin + 30) - 5)
        judged = np.where(response == 0, NEVER, np.minimum(judged, NEVER))
        for name, values in zip(lines, (begin, end, reason, regimen, response, judged, progress), strict=True):
            lines[name].append(values)
        begin = np.where(treated & (progress < NEVER), progress + rng.integers(12, 130, size), NEVER)
        begin = np.where(begin < death, begin, NEVER)
        setting = draw.constant(NEXT_SETTING[min(nth, len(NEXT_SETTING) - 1)], size)
    course = {name: np.column_stack(values) for name, values in lines.items()}
    last = np.minimum(np.minimum(death, DATA_CUT - diagnosed), draw.after(rng, 15 * draw.DAYS_A_YEAR, size) + 60)
    return {**course, **_grafts(rng, age, fit, course), "fit": fit, "death": death.astype(np.int64), "last": last}


def _regimens(rng: np.random.Generator, setting: Text, day: Whole) -> Text:
    """Draw the regimens among those that were in use on the day."""
    year = 1970 + day / draw.DAYS_A_YEAR
    weights = np.zeros((len(day), len(REGIMENS)))
    for name, choices in figures.MM_REGIMENS.items():
        for regimen, (since, until, weight) in choices.items():
            used = (setting == name) & (year >= since) & (year < until)
            weights[used, REGIMENS.index(regimen)] = weight
    weights[weights.sum(axis=1) == 0, 0] = 1.0  # of a line that nobody begins
    return draw.choose_by_row(rng, REGIMENS, weights)


def _ends(rng: np.random.Generator, begin: Whole, regimen: Text, progress: Whole, death: Whole) -> tuple[Whole, Text]:
    """Return the last day of a line, and why it ended."""
    size = len(begin)
    planned = begin + draw.look_up({"*": NEVER, **figures.MM_FIXED}, regimen).astype(np.int64)
    toxic = np.where(rng.random(size) < 0.1, begin + rng.integers(20, 300, size), 2 * NEVER)
    ends = np.column_stack([planned, progress, toxic, death])
    reasons = draw.words(["fin de tratamiento", "progresión", "toxicidad", "éxitus"])
    return ends.min(axis=1), reasons[ends.argmin(axis=1)]


def _grafts(rng: np.random.Generator, age: Floats, fit: Flags, course: dict[str, Any]) -> dict[str, Any]:
    """Draw the transplants of the first and of the second line, and whether the second is an allogeneic one."""
    size, first = len(age), course["end"][:, 0] + rng.integers(25, 70, len(age))
    wanted = fit & (rng.random(size) < 0.85) & (course["reason"][:, 0] == "fin de tratamiento")
    given = wanted & (course["response"][:, 0] >= PARTIAL) & (first < course["progress"][:, 0])
    second = course["begin"][:, 1] + rng.integers(120, 200, size)
    answered = (course["response"][:, 1] >= PARTIAL) & (second < course["progress"][:, 1])
    again = fit & (rng.random(size) < 0.12) & answered
    grafts = np.column_stack([np.where(given, first, NEVER), np.where(again, second, NEVER)])
    return {"graft": grafts, "allogeneic": (age < 60) & (rng.random(size) < 0.35)}


def deliver(p: Patients) -> Tables:
    """Write the patients of a block as the registry's files hold them."""
    keys = draw.words(f"MM{n:07d}" for n in p.number + 1)
    return {
        "pacientes.csv": _roster(p, keys),
        "analitica.csv": _lab_file(p, keys),
        "lineas.csv": _lines(p, keys),
        "respuestas.csv": _responses(p, keys),
        "trasplantes.csv": _transplants(p, keys),
        "toxicidad.csv": _toxicity(p, keys),
    }


def _date(p: Patients, owner: Whole, day: Whole, shown: Flags | None = None) -> Text:
    return draw.dates(p.diagnosed[owner] + day, shown, pattern=draw.SPANISH)


def _roster(p: Patients, keys: Text) -> draw.Table:
    everyone = np.arange(len(keys))
    born = p.diagnosed - (p.age * draw.DAYS_A_YEAR).astype(np.int64) - 1
    dead, progressed = p.death <= p.last, p.progress[:, 0] <= p.last
    cause = draw.pick(progressed, "mieloma", draw.pick(p.odds[:, 0] < 0.45, "infección", "otra"))
    fish = {
        name: draw.pick(p.fished[:, i], draw.pick(p.abnormal[:, i], "sí", "no"), "no realizado")
        for i, name in enumerate(("FISH_del17p", "FISH_t4_14", "FISH_t14_16", "FISH_1q"))
    }
    staged = p.fished[:, 0] & p.fished[:, 1] & p.fished[:, 2]
    return draw.table(
        everyone,
        NHC=keys,
        APELLIDOS=SURNAMES[p.number % len(SURNAMES)],
        NOMBRE=draw.pick(p.female, WOMEN[p.number % 4], MEN[p.number % 4]),
        FECHA_NACIMIENTO=draw.dates(born, pattern=draw.SPANISH),
        SEXO=draw.pick(p.female, "M", "H"),
        PROVINCIA=draw.pick(p.odds[:, 1] < 0.5, "Málaga", "León"),
        FECHA_DIAGNOSTICO=_date(p, everyone, np.zeros_like(p.last)),
        ISOTIPO=p.isotype,
        ECOG=draw.pick(p.odds[:, 2] < 0.06, UNKNOWN, draw.whole(p.ecog)),
        LESIONES_OSEAS=draw.pick(p.odds[:, 3] < 0.04, "no realizado", draw.pick(p.lesions, "sí", "no")),
        ISS=draw.words(STAGES)[p.stage],
        R_ISS=draw.pick(staged, draw.words(STAGES)[p.revised], UNKNOWN),
        **fish,
        FECHA_PROGRESION=_date(p, everyone, p.progress[:, 0], progressed),
        FECHA_EXITUS=_date(p, everyone, p.death, dead),
        CAUSA_EXITUS=draw.pick(dead, cause, ""),
        ULTIMO_CONTACTO=_date(p, everyone, p.last),
    )


def _lab_file(p: Patients, keys: Text) -> draw.Table:
    """Write the tests at diagnosis, and some of them with the first two responses and progressions."""
    first = -(p.odds[:, 4] * 8).astype(np.int64)
    visits = np.column_stack([first, p.judged[:, :2], p.progress[:, :2]])
    depth = 1 - p.response[:, :2] / (len(figures.MM_RESPONSES) - 1)  # what is left of the clone
    second = p.odds[:, 5] < 0.4
    parts = []
    for i, (test, units) in enumerate(TESTS.items()):
        values, seen = p.labs[:, [i]], visits[:, [0]] <= p.last[:, None]
        if i < FOLLOWED:
            values = np.hstack([values, _followed(p, i, depth)])
            seen = visits <= p.last[:, None]
        owner, visit = np.nonzero(seen & (values > 0))
        value, elsewhere = values[owner, visit], second[owner]
        written = [draw.fixed(value * factor, digits, ",") for _, factor, digits in units]
        parts.append(
            draw.table(
                owner,
                NHC=keys[owner],
                FECHA=_date(p, owner, visits[owner, visit]),
                DETERMINACION=draw.constant(test, len(owner)),
                RESULTADO=draw.pick(elsewhere, written[1], written[0]),
                UNIDAD=draw.pick(elsewhere, units[1][0], units[0][0]),
            )
        )
    return draw.stack(parts)


def _followed(p: Patients, test: int, left: Floats) -> Floats:
    """Return a test with the responses and with the progressions, from its value at diagnosis."""
    start, noise = p.labs[:, [test]], p.follow[:, :, test]
    if test == PROTEIN:
        healed = np.where(left < 0.4, 0.0, start * left**2)
        return np.hstack([healed * np.exp(0.1 * noise[:, :2]), 0.6 * start * np.exp(0.3 * noise[:, 2:])])
    better, worse = {HAEMOGLOBIN: (12.9, 10.8), CREATININE: (0.9, 1.2), CALCIUM: (9.3, 9.8)}[test]
    target = np.hstack([np.full_like(left, better), np.full_like(left, worse)])
    return np.sqrt(start * target) * np.exp(0.08 * noise)


def _lines(p: Patients, keys: Text) -> draw.Table:
    owner, nth = np.nonzero(p.begin <= p.last[:, None])
    begin, end = p.begin[owner, nth], p.end[owner, nth]
    ended = end <= p.last[owner]
    grafted = (nth == 0) & (p.graft[owner, 0] <= p.last[owner])
    reason = draw.pick(grafted, "trasplante", p.reason[owner, nth])
    cycles = np.maximum((np.minimum(end, p.last[owner]) - begin) // 28, 1)
    return draw.table(
        owner,
        NHC=keys[owner],
        LINEA=draw.whole(nth + 1),
        ESQUEMA=p.regimen[owner, nth],
        FECHA_INICIO=_date(p, owner, begin),
        FECHA_FIN=_date(p, owner, end, ended),
        CICLOS=draw.pick(ended, draw.whole(cycles), ""),
        MOTIVO_FIN=draw.pick(ended, reason, ""),
        OBSERVACIONES=REMARKS[(p.grade[owner, nth, 0] * len(REMARKS)).astype(np.int64)],
    )


def _responses(p: Patients, keys: Text) -> draw.Table:
    parts = []
    for day, texts in ((p.judged, draw.words(figures.MM_RESPONSES)[p.response]), (p.progress, None)):
        owner, nth = np.nonzero(day <= p.last[:, None])
        answer = draw.constant("EP", len(owner))
        if texts is not None:
            answer = draw.pick(p.grade[owner, nth, 1] < 0.03, "no evaluable", texts[owner, nth])
        line, date = draw.whole(nth + 1), _date(p, owner, day[owner, nth])
        parts.append(draw.table(owner, NHC=keys[owner], LINEA=line, FECHA=date, RESPUESTA=answer))
    return draw.stack(parts)


def _transplants(p: Patients, keys: Text) -> draw.Table:
    owner, nth = np.nonzero(p.graft <= p.last[:, None])
    allogeneic = (nth == 1) & p.allogeneic[owner]
    donor = draw.pick(p.odds[owner, 6] < 0.55, "no emparentado", "emparentado")
    return draw.table(
        owner,
        NHC=keys[owner],
        LINEA=draw.whole(nth + 1),
        FECHA_TPH=_date(p, owner, p.graft[owner, nth]),
        TIPO=draw.pick(allogeneic, "alogénico", "TASPE"),
        DONANTE=draw.pick(allogeneic, donor, "autólogo"),
        FECHA_ACOND=_date(p, owner, p.graft[owner, nth] - 2),
        ACONDICIONAMIENTO=draw.pick(
            allogeneic, "FLU-MEL", draw.pick((p.age[owner] > 67) | (p.odds[owner, 7] < 0.1), "MEL140", "MEL200")
        ),
    )


def _toxicity(p: Patients, keys: Text) -> draw.Table:
    """Write the unwanted events by month; a month counts as its middle, which has to lie within the line."""
    names = draw.words(figures.MM_TOXICITY)
    share, severe = (np.array([row[i] for row in figures.MM_TOXICITY.values()], dtype=np.float64) for i in (0, 1))
    harmful = {
        regimen: np.array([bool(set(row[2]) & set(agents)) for row in figures.MM_TOXICITY.values()])
        for regimen, agents in figures.MM_AGENTS.items()
    }
    chance = np.broadcast_to(share, p.toxic.shape).copy()
    for regimen, doubled in harmful.items():
        chance[p.regimen == regimen] *= 1 + doubled
    owner, nth, what = np.nonzero(p.toxic < chance)
    begin, end = p.begin[owner, nth], np.minimum(p.end[owner, nth], p.last[owner])
    drawn = p.diagnosed[owner] + begin + (p.toxic_day[owner, nth, what] * np.minimum(end - begin, 400)).astype(np.int64)
    month = drawn.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + 14
    fits = (begin < NEVER) & (month >= p.diagnosed[owner] + begin) & (month <= p.diagnosed[owner] + end)
    owner, nth, what, month = owner[fits], nth[fits], what[fits], month[fits]
    grade = np.where(p.grade[owner, nth, what] < severe[what], 3, 1) + (p.toxic_day[owner, nth, what] > 0.8)
    return draw.table(
        owner,
        NHC=keys[owner],
        LINEA=draw.whole(nth + 1),
        MES=draw.dates(month, pattern="MM/yyyy"),
        TOXICIDAD=names[what],
        GRADO=draw.whole(grade),
    )
