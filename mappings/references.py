"""Check that the names in ``partner.yaml``, the dictionary and the concept file mean each other."""

from __future__ import annotations

from collections.abc import Iterable

from haemony.engine.errors import Problem
from haemony.mappings.curie import matches, nearest
from haemony.mappings.dictionary import Finder
from haemony.mappings.expression import mentioned
from haemony.mappings.layout import Located, Reader
from haemony.mappings.model import CONCEPTS, DICTIONARY, Partner, Row, TableSpec
from haemony.ontology.schema import Schema, names


class References:
    """Look up the names that the layout of a partner uses."""

    def __init__(self, partner: Partner, schema: Schema, reader: Reader) -> None:
        self.partner = partner
        self.schema = schema
        self.reader = reader
        self.finder = Finder(partner.dictionary)

    def check(self) -> None:
        """Note every name that means nothing."""
        self._check_top()
        self._check_dictionary()
        for table in self.partner.tables.values():
            self._check_table(table)
        for panel in self.partner.panels:
            where = f"panels.{panel.name}"
            if self._table(panel.table, f"{where}.tested"):
                if panel.column:
                    self._check_tested(panel.table, panel.column, f"{where}.tested")
                self._columns(panel.table, mentioned([panel.expression or ""]), f"{where}.tested")
                self._no_keys(panel.table, mentioned([panel.expression or ""]), f"{where}.tested")
            for cover in (c for c in panel.covers if c.concept_id is None):
                self._check_cover(cover.table, cover.column, f"{where}.covers")
        self._check_panel_names()
        self._check_concepts()

    def _line(self, where: str) -> int | None:
        node: object = self.reader.top
        line = None
        for part in where.split("."):
            if not isinstance(node, Located):
                break
            line = node.lines.get(part, line)
            node = node.get(part)
        return line

    def _problem(self, where: str, message: str, advice: str = "") -> None:
        self.reader.problem(self._line(where), where, message, advice)

    def _table(self, name: str, where: str) -> bool:
        if name not in self.partner.tables:
            self._problem(where, f"There is no table {name!r}.", nearest(name, self.partner.tables))
        return name in self.partner.tables

    def _column(self, table: str, column: str, where: str) -> Row | None:
        """Return the row of a column that is to be read; note one that is unknown or not read."""
        row = self.finder.find(table, column)
        if row is None:
            advice = nearest(column, self.finder.names(table))
            self._problem(where, f"The dictionary has no row for {table}.{column}.", advice)
        elif row.use in ("drop", "ignore"):
            advice = "Say context in the dictionary if it is to be read."
            self._problem(where, f"{table}.{column} is not read: its use is {row.use}.", advice)
        return row

    def _columns(self, table: str, columns: Iterable[str], where: str) -> None:
        for column in sorted(columns):
            self._column(table, column, where)

    def _check_top(self) -> None:
        partner = self.partner
        if partner.patients:
            self._table(partner.patients, "patients")
        for where, columns in (
            ("index.date", [partner.index.date] if partner.index.date else []),
            ("last_contact", partner.last_contact),
        ):
            for table, column in columns:
                if self._table(table, where):
                    self._check_time(self._column(table, column, where), where)
        for name, tables in partner.prefer.items():
            where = f"prefer.{name}"
            known = names(self.schema.records)
            if name not in known:
                self._problem(where, f"There is no class {name!r}.", nearest(name, known))
            for table in tables:
                self._table(table, where)
            if len(set(tables)) != len(tables):
                self._problem(where, "A table stands twice.", "Order each table once.")

    def _check_time(self, row: Row | None, where: str) -> None:
        if row is None or row.use in ("drop", "ignore"):
            return
        dated = row.format.kind == "date"
        if not dated and (where == "index.date" or not (row.unit or self.partner.index.relative)):
            self._problem(where, f"{row.table}.{row.variable} has no date format.", "Give it one: dd/MM/yyyy.")

    def _check_dictionary(self) -> None:
        file = f"{self.partner.source.name}/{DICTIONARY}"
        tables = {row.table: row.line for row in reversed(self.partner.dictionary)}
        for name, line in tables.items():
            if name and name not in self.partner.tables:
                message = f"partner.yaml describes no table {name!r}."
                problem = Problem(file, line, "table", message, nearest(name, self.partner.tables))
                self.reader.problems.append(problem)
        for name in self.partner.tables:
            if name not in tables:
                self._problem(f"tables.{name}", f"The dictionary has no row for table {name!r}.")

    def _check_table(self, table: TableSpec) -> None:
        where = f"tables.{table.name}"
        self._check_key(table, f"{where}.patient")
        if table.where:
            self._columns(table.name, mentioned([table.where.keep]), f"{where}.where")
            self._no_keys(table.name, mentioned([table.where.keep]), f"{where}.where")
        for column, expression in table.derive.items():
            self._column(table.name, column, f"{where}.derive.{column}")
            used = mentioned([expression])
            self._columns(table.name, used - set(table.derive), f"{where}.derive.{column}")
            self._no_keys(table.name, used, f"{where}.derive.{column}")
            for name in sorted(used & set(table.derive)):
                self._problem(
                    f"{where}.derive.{column}", f"{name!r} is derived itself.", "Read delivered columns only."
                )
        for column in (*table.split, *table.missing_by_column):
            self._column(table.name, column, f"{where}.{'split' if column in table.split else 'missing'}")
        if table.at not in ("", "index"):
            self._column(table.name, table.at, f"{where}.at")

    def _no_keys(self, table: str, columns: Iterable[str], where: str) -> None:
        """Refuse keys in expressions: only the pseudonym of a key is kept, so its text cannot be looked at."""
        for row in self.partner.dictionary:
            if row.table == table and row.use == "key" and row.variable in columns:
                message = f"{table}.{row.variable} is a key: its text is replaced before any expression sees it."
                self._problem(where, message, "Name another column.")

    def _check_key(self, table: TableSpec, where: str) -> None:
        """Check that the columns of a key, and only they, have the use `key`."""
        allowed = ("key", "context") if table.patient.through else ("key",)
        used = mentioned([table.patient.expression])
        for column in sorted(used):
            row = self._column(table.name, column, where)
            if row and row.use not in ("drop", "ignore", *allowed):
                advice = "Its text must not be stored."
                self._problem(where, f"{table.name}.{column} names the patient: its use is key, not {row.use}.", advice)
        through = table.patient.through
        if through and self._table(through[0], where):
            self._column(*through, where)
            if self.partner.tables[through[0]].patient.through:
                self._problem(
                    where, f"{through[0]} names its patients through another table.", "Point to the last one."
                )
        sheets = {t.patient.through for t in self.partner.tables.values()}
        for row in self.partner.dictionary:
            is_key = row.table == table.name and row.use == "key"
            if is_key and row.variable not in used and (row.table, row.variable) not in sheets:
                message = f"{row.variable!r} is a key, and `patient` of table {table.name!r} does not use it."
                advice = "Its use is drop, or context."
                file = f"{self.partner.source.name}/{DICTIONARY}"
                self.reader.problems.append(Problem(file, row.line, "use", message, advice))

    def _check_tested(self, table: str, column: str, where: str) -> None:
        row = self._column(table, column, where)
        if row and row.use in ("map", "context") and row.format.kind != "flag":
            self._problem(where, f"{table}.{column} has no flag format.", "Give it one (1|0), or write an expression.")

    def _check_cover(self, table: str, column: str, where: str) -> None:
        if not self._table(table, where):
            return
        mapped = [r for r in self.partner.dictionary if r.table == table and r.use == "map"]
        if "*" in column:
            if not any(matches(column, r.variable) or (r.glob and matches(r.variable, column)) for r in mapped):
                self._problem(where, f"No mapped column of {table!r} fits {column!r}.")
            return
        row = self._column(table, column, where)
        if row and row.use in ("key", "context"):
            self._problem(where, f"{table}.{column} names nothing: its use is {row.use}.", "Cover mapped columns.")

    def _check_panel_names(self) -> None:
        seen: set[str] = set()
        for panel in self.partner.panels:
            if panel.name in seen:
                self._problem("panels", f"Two panels have the name {panel.name!r}.", "Give each its own.")
            seen.add(panel.name)

    def _check_concepts(self) -> None:
        file = f"{self.partner.source.name}/{CONCEPTS}"
        for concept in self.partner.concepts:
            if self.finder.find(concept.table, concept.variable) is None:
                column = "subject_id" if concept.text is None else "subject_source"
                message = f"The dictionary has no row for {concept.table}.{concept.variable}."
                advice = nearest(concept.variable, self.finder.names(concept.table))
                self.reader.problems.append(Problem(file, concept.line, column, message, advice))
