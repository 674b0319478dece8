"""Every mistake that is announced stands in the files, exactly so often: counted again without the generator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from haemony.demo import figures, mm_es
from haemony.demo.generate import CENTRES, generate
from haemony.demo.mistakes import MISTAKES

LAYOUT = {"demo_aml": (";", "latin-1"), "demo_mds": (",", "utf-8"), "demo_mm": (";", "latin-1")}
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


GERMAN, ISO, SPANISH = "%d.%m.%Y", "%Y-%m-%d", "%d/%m/%Y"


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


def _mm_lab(test: str, unit: str = "") -> Callable[[Files], pd.DataFrame]:
    def rows(f: Files) -> pd.DataFrame:
        lab = f["analitica"]
        return lab[(lab["DETERMINACION"] == test) & ((lab["UNIDAD"] == unit) | (unit == ""))]

    return rows


def _mm_before_diagnosis(table: str, column: str) -> Callable[[Files], int]:
    def count(f: Files) -> int:
        rows = f[table] if table == "pacientes" else _with(f, table, "pacientes", "NHC")
        return int((_date(rows[column], SPANISH) < _date(rows["FECHA_DIAGNOSTICO"], SPANISH)).sum())

    return count


def _mm_overlaps(f: Files) -> int:
    lines = f["lineas"].assign(
        line=_number(f["lineas"]["LINEA"]), begin=_date(f["lineas"]["FECHA_INICIO"], SPANISH),
        end=_date(f["lineas"]["FECHA_FIN"], SPANISH),
    )  # fmt: skip
    pairs = lines[lines["line"] > 0].merge(lines, on="NHC", suffixes=("", "_later"))
    return int(((pairs["line"] < pairs["line_later"]) & (pairs["begin_later"] < pairs["end"])).sum())


def _outside(texts: pd.Series, *known: str) -> int:
    return int((~texts.isin(known)).sum())


_REGIMENS = {name for ones in figures.MM_REGIMENS.values() for name in ones}
MM: dict[str, Callable[[Files], int]] = {
    "hb-in-g-l": lambda f: int((_number(_mm_lab("Hemoglobina", "g/dl")(f)["RESULTADO"], ",") > 30).sum()),
    "calcium-in-mg-dl": lambda f: int((_number(_mm_lab("Calcio", "mmol/l")(f)["RESULTADO"], ",") > 5).sum()),
    "negative-value": lambda f: int(f["analitica"]["RESULTADO"].str.startswith("-").sum()),
    "impossible-value": lambda f: int((_number(_mm_lab("Células plasmáticas en MO")(f)["RESULTADO"]) > 100).sum()),
    "decimal-point": lambda f: int(f["analitica"]["RESULTADO"].str.contains(".", regex=False).sum()),
    "undeclared-missing-code": lambda f: int((f["analitica"]["RESULTADO"] == "hemolizada").sum()),
    "unknown-unit": lambda f: _outside(
        f["analitica"]["UNIDAD"], "g/dl", "g/l", "mg/dl", "mg/l", "µmol/l", "mmol/l", "U/l", "%", "x10^9/l"
    ),
    "unknown-test": lambda f: _outside(f["analitica"]["DETERMINACION"], *mm_es.TESTS),
    "date-in-the-future": lambda f: int((_date(f["analitica"]["FECHA"], SPANISH) > "2024-06-30").sum()),
    "impossible-date": lambda f: int(
        (_date(f["lineas"]["FECHA_FIN"], SPANISH).isna() & (f["lineas"]["FECHA_FIN"] != "")).sum()
    ),
    "impossible-birth": lambda f: int((_date(f["pacientes"]["FECHA_NACIMIENTO"], SPANISH) < "1900-01-01").sum()),
    "death-before-diagnosis": _mm_before_diagnosis("pacientes", "FECHA_EXITUS"),
    "sex-code": lambda f: _outside(f["pacientes"]["SEXO"], "H", "M"),
    "flag-code": lambda f: _outside(f["pacientes"]["FISH_del17p"], "sí", "no", "no realizado"),
    "grade-of-another-scale": lambda f: int((_number(f["pacientes"]["ECOG"]) > 5).sum()),
    "wanted-regimen": lambda f: int((f["lineas"]["ESQUEMA"] == "Iberdomida-Dex").sum()),
    "misspelt-regimen": lambda f: _outside(f["lineas"]["ESQUEMA"].str.strip(), "Iberdomida-Dex", *_REGIMENS),
    "line-nought": lambda f: int((_number(f["lineas"]["LINEA"]) < 1).sum()),
    "overlapping-lines": _mm_overlaps,
    "treatment-ends-before-start": lambda f: int(
        (_date(f["lineas"]["FECHA_FIN"], SPANISH) < _date(f["lineas"]["FECHA_INICIO"], SPANISH)).sum()
    ),
    "response-before-treatment": _mm_before_diagnosis("respuestas", "FECHA"),
    "response-to-no-treatment": lambda f: int((f["respuestas"]["LINEA"] == "9").sum()),
    "allogeneic-from-the-patient": lambda f: int(
        ((f["trasplantes"]["TIPO"] == "alogénico") & (f["trasplantes"]["DONANTE"] == "autólogo")).sum()
    ),
    "grade-above-five": lambda f: int((_number(f["toxicidad"]["GRADO"]) > 5).sum()),
    "roman-grade": lambda f: int(_number(f["toxicidad"]["GRADO"]).isna().sum()),
    "trailing-space": lambda f: int(f["lineas"]["ESQUEMA"].str.endswith(" ").sum()),
    "repeated-row": lambda f: _repeated(f, "toxicidad"),
    "stranger": lambda f: int((~f["analitica"]["NHC"].isin(f["pacientes"]["NHC"])).sum()),
    "duplicate-roster-key": lambda f: _repeated(f, "pacientes", ["NHC"]),
}
RECOUNT = {"demo_aml": AML, "demo_mds": MDS, "demo_mm": MM}
CASES = [(partner, kind) for partner, counts in RECOUNT.items() for kind in counts]


@pytest.fixture(scope="module", params=[250, 18_750, 22_500])
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
    total = sum(centre.share for centre in CENTRES.values())
    for partner, centre in CENTRES.items():
        for mistake in MISTAKES[partner]:
            owed = max(1, round(mistake.rate * round(centre.share / total * patients))) * mistake.rows_each
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
            filled = (~files[partner][table][column].isin(["", "n.b.", "NA", "no consta", "no realizado"])).sum()
            assert rows < 0.1 * filled, (table, column)
