"""Every mistake that is announced stands in the files, exactly so often: counted again without the generator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from haemony.demo.generate import generate
from haemony.demo.mistakes import MISTAKES

LAYOUT = {"demo_aml": (";", "latin-1"), "demo_mds": (",", "utf-8")}
Files = dict[str, pd.DataFrame]


def _read(folder: Path, partner: str) -> Files:
    separator, encoding = LAYOUT[partner]
    files = (folder / partner).glob("*.csv")
    return {
        path.stem: pd.read_csv(path, sep=separator, encoding=encoding, dtype=str, keep_default_na=False)
        for path in files
    }


def _number(texts: pd.Series, decimal: str = ".") -> pd.Series:
    return pd.to_numeric(texts.str.replace(decimal, "."), errors="coerce")


def _date(texts: pd.Series, pattern: str) -> pd.Series:
    return pd.to_datetime(texts, format=pattern, errors="coerce")


def _with(files: Files, table: str, other: str, key: str) -> pd.DataFrame:
    return files[table].merge(files[other].drop_duplicates(key), on=key, how="left", suffixes=("", "_other"))


GERMAN, ISO = "%d.%m.%Y", "%Y-%m-%d"


def _repeated(files: Files, table: str, columns: list[str] | None = None) -> int:
    return int(files[table].duplicated(columns, keep=False).sum())


def _aml_response_before(f: Files) -> int:
    rows = f["therapie"]
    return int((_date(rows["Datum_Ansprechen"], GERMAN) < _date(rows["Beginn"], GERMAN)).sum())


def _aml_flag(f: Files) -> int:
    mutated = set(f["panel"].query("Gen == 'NPM1' and Bewertung == 'pathogen'")["PatNr"])
    return int((f["molekular"]["PatNr"].isin(mutated) & (f["molekular"]["NPM1"] == "neg")).sum())


def _women(f: Files, table: str, key: str, sex: str, roster: str, code: str) -> pd.DataFrame:
    rows = _with(f, table, roster, key)
    return rows[rows[sex].str.strip() == code]


def _mds_fish(f: Files) -> int:
    rows = _with(f, "fish", "registry", "patient_id")
    return int((rows["karyotype"].str.contains(r"\+8") & (rows["fish_plus8"] == "No")).sum())


def _mds_response_before(f: Files) -> int:
    rows = _with(f, "responses", "registry", "patient_id")
    return int((_date(rows["assessed_on"], ISO) < _date(rows["dx_date"], ISO)).sum())


AML: dict[str, Callable[[Files], int]] = {
    "hb-in-g-dl": lambda f: int((_number(f["labor"]["Hb"], ",") > 12).sum()),
    "sex-code": lambda f: int((~f["stammdaten"]["Geschlecht"].str.strip().isin(["m", "w"])).sum()),
    "unreadable-date": lambda f: int(
        (_date(f["therapie"]["Ende"], GERMAN).isna() & (f["therapie"]["Ende"] != "")).sum()
    ),
    "negative-value": lambda f: int(f["labor"]["Leukozyten (Gpt/l)"].str.startswith("-").sum()),
    "impossible-value": lambda f: int((_number(f["labor"]["Blasten_KM (%)"]) > 100).sum()),
    "decimal-point": lambda f: int(f["labor"]["Leukozyten (Gpt/l)"].str.fullmatch(r"[0-9]+[.][0-9]+").sum()),
    "undeclared-missing-code": lambda f: int((~f["labor"]["LDH (U/l)"].str.fullmatch(r"[0-9]+|n[.]b[.]")).sum()),
    "unknown-unit": lambda f: int((~f["labor"]["Hb_Einheit"].isin(["mmol/l", ""])).sum()),
    "karyotype-contradicts-sex": lambda f: int(
        _women(f, "zytogenetik", "PatNr", "Geschlecht", "stammdaten", "w")["Karyotyp"].str.contains("XY").sum()
    ),
    "loss-of-y-in-a-woman": lambda f: int(
        _women(f, "zytogenetik", "PatNr", "Geschlecht", "stammdaten", "w")["Karyotyp"].str.contains("-Y").sum()
    ),
    "normal-karyotype-beside-aberration": lambda f: int(
        (
            f["zytogenetik"]["Karyotyp"].str.fullmatch(r"46,X[XY]\[20\]")
            & (f["zytogenetik"].filter(like="ZG_") == "ja").any(axis=1)
        ).sum()
    ),
    "exclusive-rearrangements": lambda f: int(
        (
            (f["zytogenetik"][["ZG_t8_21", "ZG_inv16", "ZG_t9_11", "ZG_t6_9", "ZG_t9_22", "ZG_inv3"]] == "ja").sum(
                axis=1
            )
            > 1
        ).sum()
    ),
    "response-before-treatment": _aml_response_before,
    "treatment-ends-before-start": lambda f: int(
        (_date(f["therapie"]["Ende"], GERMAN) < _date(f["therapie"]["Beginn"], GERMAN)).sum()
    ),
    "last-contact-before-diagnosis": lambda f: int(
        (lambda r: (_date(r["Letzter_Kontakt"], GERMAN) < _date(r["Diagnosedatum"], GERMAN)).sum())(
            _with(f, "verlauf", "stammdaten", "PatNr")
        )
    ),
    "unknown-gene": lambda f: int((f["panel"]["Gen"] == "NMP1").sum()),
    "flag-contradicts-variant": _aml_flag,
    "trailing-space": lambda f: int(f["stammdaten"]["Geschlecht"].str.endswith(" ").sum()),
    "repeated-row": lambda f: _repeated(f, "panel"),
    "stranger": lambda f: int((~f["labor"]["PatNr"].isin(f["stammdaten"]["PatNr"])).sum()),
    "duplicate-roster-key": lambda f: _repeated(f, "stammdaten", ["PatNr"]),
}
MDS: dict[str, Callable[[Files], int]] = {
    "hb-in-g-l": lambda f: int((_number(f["labs"].query("test == 'HGB'")["result"]) > 30).sum()),
    "decimal-comma": lambda f: int(f["registry"]["hgb"].str.contains(",").sum()),
    "sex-code": lambda f: int((~f["registry"]["sex"].str.strip().isin(["Male", "Female", "Unknown"])).sum()),
    "unreadable-date": lambda f: int(
        (_date(f["treatments"]["stop"], ISO).isna() & (f["treatments"]["stop"] != "")).sum()
    ),
    "impossible-value": lambda f: int((_number(f["registry"]["age"]) > 120).sum()),
    "negative-value": lambda f: int((_number(f["registry"]["plt"]) < 0).sum()),
    "undeclared-missing-code": lambda f: int(_number(f["registry"]["anc"]).isna().sum()),
    "unknown-unit": lambda f: int((~f["labs"]["unit"].isin(["g/dL", "K/uL", "U/L", "mg/dL", "ng/mL"])).sum()),
    "karyotype-contradicts-sex": lambda f: int(
        f["registry"].query("sex.str.strip() == 'Female'")["karyotype"].str.contains("XY").sum()
    ),
    "loss-of-y-in-a-woman": lambda f: int(
        f["registry"].query("sex.str.strip() == 'Female'")["karyotype"].str.contains("-Y").sum()
    ),
    "unreadable-karyotype": lambda f: int((~f["registry"]["karyotype"].str.fullmatch(r"(4[0-9],X.*\])?")).sum()),
    "fish-contradicts-karyotype": _mds_fish,
    "flag-code": lambda f: int((~f["genes"]["TP53"].isin(["0", "1", ""])).sum()),
    "unknown-gene": lambda f: int(f["genes"]["other_genes"].str.contains("-").sum()),
    "response-before-treatment": _mds_response_before,
    "response-to-no-treatment": lambda f: int(
        (f["responses"].merge(f["treatments"], on=["patient_id", "line"], how="left")["regimen"].isna()).sum()
    ),
    "trailing-space": lambda f: int(f["registry"]["sex"].str.endswith(" ").sum()),
    "stranger": lambda f: int((~f["treatments"]["patient_id"].isin(f["registry"]["patient_id"])).sum()),
    "strange-sample": lambda f: int((~f["genes"]["sample_id"].isin(f["samples"]["sample_id"])).sum()),
    "duplicate-roster-key": lambda f: _repeated(f, "registry", ["patient_id"]),
}
RECOUNT = {"demo_aml": AML, "demo_mds": MDS}
CASES = [(partner, kind) for partner, counts in RECOUNT.items() for kind in counts]


@pytest.fixture(scope="module", params=[100, 15_000, 18_000])
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Files], dict[str, dict[str, int]], int]:
    """Give the files read back, and the announced number of rows of each mistake; the last size needs two blocks."""
    folder = tmp_path_factory.mktemp("mistakes")
    result = generate(folder, request.param, 11)
    told = {name: {m["kind"]: m["rows"] for m in partner["mistakes"]} for name, partner in result.items()}
    return {name: _read(folder, name) for name in LAYOUT}, told, request.param


@pytest.mark.parametrize(("partner", "kind"), CASES)
def test_announced_mistakes_are_in_the_files(
    made: tuple[dict[str, Files], dict[str, dict[str, int]], int], partner: str, kind: str
) -> None:
    files, told, _ = made
    assert RECOUNT[partner][kind](files[partner]) == told[partner][kind] >= 1


def test_rates_are_kept(made: tuple[dict[str, Files], dict[str, dict[str, int]], int]) -> None:
    _, told, patients = made
    for partner, share in (("demo_aml", 0.6), ("demo_mds", 0.4)):
        for mistake in MISTAKES[partner]:
            owed = max(1, round(mistake.rate * round(share * patients))) * mistake.rows_each
            assert told[partner][mistake.kind] == owed, mistake.kind


def test_every_mistake_is_counted_again() -> None:
    for partner, mistakes in MISTAKES.items():
        assert [m.kind for m in mistakes] == list(dict.fromkeys(m.kind for m in mistakes))
        assert {m.kind for m in mistakes} == set(RECOUNT[partner])


def test_no_column_has_a_tenth_of_its_cells_at_fault(
    made: tuple[dict[str, Files], dict[str, dict[str, int]], int],
) -> None:
    files, told, _ = made
    for partner, mistakes in MISTAKES.items():
        wrong: dict[tuple[str, str], int] = {}
        for m in mistakes:
            place = (m.file.removesuffix(".csv"), m.column)
            wrong[place] = wrong.get(place, 0) + told[partner][m.kind]
        for (table, column), rows in wrong.items():
            filled = (~files[partner][table][column].isin(["", "n.b.", "NA"])).sum()
            assert rows < 0.1 * filled, (table, column)
