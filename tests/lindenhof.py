"""The made-up delivery of docs/bring_your_data.md: sixty patients of a clinic that there is not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

PATIENTS = 60


def write(folder: Path) -> None:
    """Write the files of the delivery."""
    folder.mkdir(parents=True)
    _table(folder / "patienten.csv", _patients())
    _table(folder / "labor.csv", _labs())
    _table(folder / "variablen.csv", VARIABLES)


def _table(path: Path, rows: Iterable[Iterable[object]]) -> None:
    path.write_text("".join(";".join(map(str, row)) + "\n" for row in rows), encoding="latin-1")


def _day(n: int) -> str:
    return f"{date(2019, 1, 7) + timedelta(days=13 * n):%d.%m.%Y}"


def _patients() -> Iterable[tuple[object, ...]]:
    yield "PatNr", "Nachname", "Geburtsdatum", "Geschlecht", "Diagnosedatum", "AML_Typ", "NPM1", "OS", "OSSTAT"
    for n in range(PATIENTS):
        born = date(1940 + n % 45, n % 12 + 1, n % 28 + 1)
        npm1 = "n.u." if n % 10 == 9 else ("pos", "neg")[n % 3 > 0]
        months = f"{4 + (n * 7) % 31 + (18 if npm1 == 'pos' else 0)},{n % 10}"
        kind = ("de novo", "de novo", "sAML", "tAML")[n % 4]
        yield f"L-{4711 + n}", f"Name{n}", f"{born:%d.%m.%Y}", "mw"[n % 2], _day(n), kind, npm1, months, int(n % 4 > 0)


def _labs() -> Iterable[tuple[object, ...]]:
    yield "PatNr", "Datum", "Test", "Wert", "Einheit"
    for n in range(PATIENTS):
        yield f"L-{4711 + n}", _day(n), "Hb", f"{7 + n % 6},{n % 10}", "g/dl"
        yield f"L-{4711 + n}", _day(n), "LDH", 180 + 7 * n, "U/l"


VARIABLES = (
    ("Variable", "Bezeichnung", "Kodierung"),
    ("AML_Typ", "Entstehung der AML", ""),
    ("NPM1", "NPM1-Mutation bei Diagnose", ""),
    ("OS", "Gesamtüberleben in Monaten", ""),
    ("OSSTAT", "verstorben", "0=nein, 1=ja"),
)
