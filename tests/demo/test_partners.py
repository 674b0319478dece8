"""The mappings of the three demo partners are free of faults and cover every delivered column."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from haemony.demo.generate import CENTRES, generate
from haemony.demo.mistakes import MISTAKES
from haemony.mappings.model import Partner
from haemony.mappings.partner import expand, find_partners, read_partner
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import read_vocabulary


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    generate(folder, 60, 1)
    return folder


@pytest.fixture(scope="module", params=sorted(CENTRES))
def partner(request: pytest.FixtureRequest) -> Partner:
    return read_partner(find_partners()[request.param], read_vocabulary(), read_schema())


def headers(partner: Partner, data: Path) -> dict[str, list[str]]:
    found = {}
    for table in partner.tables.values():
        with (data / table.file).open(encoding=table.encoding, newline="") as file:
            found[table.name] = next(csv.reader(file, delimiter=table.separator))
    return found


def test_mapping_has_neither_fault_nor_warning(partner: Partner) -> None:
    assert partner.warnings == ()
    assert partner.licence and partner.title and partner.contact


def test_every_delivered_file_is_a_table(partner: Partner, data: Path) -> None:
    delivered = {f"{partner.name}/{path.name}" for path in (data / partner.name).glob("*.csv")}
    assert {table.file for table in partner.tables.values()} == delivered


def test_every_delivered_column_has_a_meaning(partner: Partner, data: Path) -> None:
    columns = headers(partner, data)
    variables = expand(partner, columns, read_vocabulary(), read_schema())
    known = {(v.table, v.column) for v in variables if not v.derived}
    assert known == {(table, column) for table, names in columns.items() for column in names}


def test_every_row_of_the_dictionary_covers_a_column(partner: Partner, data: Path) -> None:
    variables = expand(partner, headers(partner, data), read_vocabulary(), read_schema())
    assert {row.line for row in partner.dictionary} == {v.line for v in variables}


def test_mistakes_name_delivered_columns(partner: Partner, data: Path) -> None:
    columns = {Path(partner.tables[name].file).name: names for name, names in headers(partner, data).items()}
    for mistake in MISTAKES[partner.name]:
        assert mistake.column in columns[mistake.file], mistake.kind


def test_names_and_dates_of_birth_do_not_get_through(partner: Partner) -> None:
    uses = {row.variable: row.use for row in partner.dictionary}
    names = {"demo_aml": {"Nachname", "Vorname"}, "demo_mds": {"initials"}, "demo_mm": {"APELLIDOS", "NOMBRE"}}
    assert {column for column, use in uses.items() if use == "drop"} == names[partner.name]
