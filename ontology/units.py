"""Units: what a UCUM code means, how values convert, and the unit in which each laboratory concept is kept.

Codes are UCUM 2.2 (https://ucum.org/ucum). ucumvert gives the grammar and UCUM's own table of definitions; the
arithmetic is exact fractions over that table. Pint's namesakes of the units are not used: they read ``g%`` as a
hundredth of a gram and ``[Cal]`` as a small calorie, and let ``[IU]``, ``[CFU]`` and counts convert to each other.

Three readings are deliberate. Arbitrary units (``[IU]``) and units without a ratio scale (``Cel``, ``[pH]``) convert
only to themselves. Annotations (``{cells}``) are unity. ``mol`` is a dimension of its own, not a number of molecules,
so that ``mmol/L`` is never taken for a number of cells.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from haemony.engine.errors import Problem, VocabularyError

MEASUREMENT = Path(__file__).with_name("concepts") / "measurement.csv"

#: OMOP spells the enzyme unit in its own way (https://github.com/OHDSI/Vocabulary-v5.0/issues/814).
OMOP_SPELLINGS = {"[U]": "U"}

#: Units in which laboratories give the same thing, the usual ones first, so that one is taken for another. The choice
#: is the editors'; the codes are UCUM's (https://ucum.org/ucum).
LABORATORY_UNITS = (
    ("g/dL", "g/L", "mmol/L", "umol/L", "mg/dL", "mg/L", "nmol/L", "ug/dL", "ug/L"),
    ("10*9/L", "/uL"),
    ("10*12/L", "10*9/L", "/uL"),
    ("U/L", "ukat/L"),
    ("[iU]/L", "[iU]/mL"),
    ("%", "1"),
    ("mg/(24.h)", "g/(24.h)"),
    ("mL/min", "mL/s"),
    ("cm", "m", "[in_i]"),
    ("kg", "g", "[lb_av]"),
)

#: A factor keeps 12 significant digits: more than any laboratory gives, few enough for CSV, JSON and SQL.
PRECISION = Context(prec=12)

#: Units that UCUM defines by others, but that are dimensions of their own here.
OWN_DIMENSION = frozenset({"mol"})

#: Factors that differ from 1 by less are the same unit in another spelling.
SAME = 1e-6

ANNOTATION = re.compile(r"\{[^{}\s]*\}")
#: UCUM has no exponent on a bare number, but ucumvert's grammar takes it: ``10+3/uL`` for ``10*3/uL``.
NUMBER_WITH_EXPONENT = re.compile(r"(?:^|[./(])\d+[+-]\d")
NUMBER = re.compile(r"\d+(\.\d+)?")
MASS, AMOUNT = "g", "mol"


class Unit(NamedTuple):
    """What a code is worth in base units, and the exponents of the base units."""

    scale: Fraction
    exponents: tuple[tuple[str, int], ...] = ()

    def times(self, other: Unit, power: int = 1) -> Unit:
        """Multiply by a power of another unit."""
        exponents = Counter(dict(self.exponents))
        for base, exponent in other.exponents:
            exponents[base] += exponent * power
        kept = sorted((base, exponent) for base, exponent in exponents.items() if exponent)
        return Unit(self.scale * other.scale**power, tuple(kept))


class Measured(NamedTuple):
    """How the values of a laboratory concept are kept."""

    unit: str
    molar_mass: Decimal | None
    source: str


UNITY = Unit(Fraction(1))


def factor(from_ucum: str, to_ucum: str, molar_mass: float | Decimal | None = None) -> Decimal:
    """Return the number by which a value in one unit becomes a value in another.

    Mass and amount convert by ``molar_mass`` (g/mol). Raise ``VocabularyError`` where they do not convert.

    >>> factor("g/L", "g/dL")
    Decimal('0.1')
    >>> factor("{cells}/uL", "10*9/L")
    Decimal('0.001')
    >>> factor("mmol/L", "g/dL", molar_mass=16114)
    Decimal('1.6114')
    >>> factor("mo", "d")
    Decimal('30.4375')
    """
    ratio = read_unit(from_ucum).times(read_unit(to_ucum), -1)
    power = _power_of_molar_mass(ratio)
    if ratio.exponents and power == 0:
        ours, theirs = _dimensions(read_unit(from_ucum)), _dimensions(read_unit(to_ucum))
        raise VocabularyError(f"{from_ucum!r} does not convert to {to_ucum!r}: one is {ours}, the other {theirs}.")
    if power and not molar_mass:
        raise VocabularyError(
            f"{from_ucum!r} does not convert to {to_ucum!r} without a molar mass: one is a mass, the other an amount "
            f"of substance. Give the concept its molar mass in {MEASUREMENT.name}."
        )
    return _decimal(ratio.scale * Fraction(str(molar_mass or 1)) ** power)


def mistakable(unit: str, kept: str, molar_mass: Decimal | None = None) -> dict[str, float]:
    """Return the units that values read in one unit may really have, with the factor that then corrects them.

    ``kept`` is the unit of the concept. A pure number has none: scores and ratios have no unit to mix up.

    >>> mistakable("g/dL", "g/dL", Decimal(16114))["g/L"], mistakable("/uL", "10*9/L"), mistakable("1", "1")
    (0.1, {'10*9/L': 1000.0}, {})
    """
    others = next((units for units in LABORATORY_UNITS if kept in units and kept != "1"), ())
    found: dict[float, str] = {}
    for other in others:
        try:
            by = float(factor(other, kept, molar_mass) / factor(unit, kept, molar_mass))
        except VocabularyError:
            continue
        if abs(by - 1) > SAME:
            found.setdefault(by, other)
    return {other: by for by, other in found.items()}


def is_ucum(text: str) -> bool:
    """Tell whether a text is a UCUM code.

    >>> [is_ucum(text) for text in ("g/dL", "10*9/L", "Gpt/l", "[U]/L")]
    [True, True, False, False]
    """
    try:
        _parse(text)
    except VocabularyError:
        return False
    return True


@cache
def read_unit(code: str) -> Unit:
    """Read a UCUM code, or OMOP's spelling of one, into base units; raise ``VocabularyError`` where it is none.

    >>> read_unit("kg/m2")
    Unit(scale=Fraction(1000, 1), exponents=(('g', 1), ('m', -2)))
    """
    for theirs, ucum in OMOP_SPELLINGS.items():
        code = code.replace(theirs, ucum)
    return _parse(code)


def canonical_unit(concept_id: int) -> str | None:
    """Return the UCUM code in which the values of a concept are kept.

    >>> canonical_unit(3000963)
    'g/dL'
    """
    measured = read_measurements().get(concept_id)
    return None if measured is None else measured.unit


def molar_mass(concept_id: int) -> Decimal | None:
    """Return the molar mass, in g/mol, by which the values of a concept convert between mass and amount of substance.

    >>> molar_mass(3000963)
    Decimal('16114')
    """
    measured = read_measurements().get(concept_id)
    return None if measured is None else measured.molar_mass


@cache
def read_measurements(path: Path = MEASUREMENT) -> dict[int, Measured]:
    """Read how laboratory concepts are kept, by concept id; raise ``VocabularyError`` with every row at fault."""
    measured: dict[int, Measured] = {}
    problems = []
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            faults = [(column, what) for column, what in _faults(row).items() if what]
            problems += [Problem(path.name, line, column, what) for column, what in faults]
            if faults:
                continue
            concept_id = int(row["concept_id"])
            if concept_id in measured:
                problems.append(Problem(path.name, line, "concept_id", f"{concept_id} stands twice.", "Keep one row."))
            mass = Decimal(row["molar_mass"]) if row["molar_mass"] else None
            measured[concept_id] = Measured(row["unit"], mass, row["source"])
    if problems:
        raise VocabularyError(problems)
    return measured


def _faults(row: dict[str, str]) -> dict[str, str]:
    concept_id, unit, mass = (row.get(column) or "" for column in ("concept_id", "unit", "molar_mass"))
    return {
        "concept_id": "" if concept_id.isdecimal() else f"{concept_id!r} is not a concept id.",
        "unit": "" if unit and is_ucum(unit) else f"{unit!r} is not a UCUM code.",
        "molar_mass": "" if not mass or NUMBER.fullmatch(mass) else f"{mass!r} is not a number.",
    }


def _parse(code: str) -> Unit:
    text = ANNOTATION.sub("{}", code)
    if not text:
        return UNITY
    grammar = _grammar()
    try:
        if NUMBER_WITH_EXPONENT.search(text):
            raise grammar.error(f"{text}: a bare number takes no exponent")
        return _evaluate(grammar.parse(text))
    except grammar.error:
        raise VocabularyError(
            f"{code!r} is not a UCUM code. UCUM is case-sensitive and writes 10*9/L, g/dL, umol/L, U/L; "
            "see https://ucum.org/ucum for a unit's code."
        ) from None


class _Grammar(NamedTuple):
    parse: Callable[[str], Any]
    error: type[Exception]
    prefixes: dict[str, Fraction]
    definitions: dict[str, tuple[str, str]]


@cache
def _grammar() -> _Grammar:
    """Load UCUM; imported here, as ucumvert takes a third of a second that most commands need not wait for."""
    from ucumvert import parser, xml_util

    prefixes = {
        e.attrib["Code"]: Fraction(e.find("{*}value").attrib["value"]) for e in xml_util.root.iterfind("{*}prefix")
    }
    own = OWN_DIMENSION | set(xml_util.get_base_units())
    definitions = {
        unit.code_cs: (str(unit.conversion_factor), unit.defining_unit)
        for unit in xml_util.get_units_with_full_definition()
        if unit.code_cs not in own and not unit.is_special and (unit.defining_unit != "1" or not unit.is_arbitrary)
    }
    lark = parser.get_ucum_parser()
    return _Grammar(lark.parse, parser.LarkError, prefixes, definitions)


@cache
def _atom(code: str) -> Unit:
    definition = _grammar().definitions.get(code)
    if definition is None:
        return Unit(Fraction(1), ((code, 1),))
    value, unit = definition
    return Unit(Fraction(value)).times(_parse(unit))


def _evaluate(node: Any) -> Unit:
    """Compute a node of the parse tree; UCUM divides and multiplies from left to right."""
    if isinstance(node, str):
        return UNITY
    kind, children = str(node.data), node.children
    if kind == "main_term":
        return UNITY.times(_evaluate(children[-1]), -1 if len(children) == 2 else 1)
    if kind == "term":
        left, operator, right = children
        return _evaluate(left).times(_evaluate(right), -1 if operator == "/" else 1)
    if kind == "component":
        return _evaluate(children[0])
    if kind == "annotatable":
        return UNITY.times(_evaluate(children[0]), int(children[1]))
    *prefix, atom = map(str, children)
    if atom.isdigit():
        return Unit(Fraction(atom))
    scale = Unit(_grammar().prefixes[prefix[0]]) if prefix else UNITY
    return scale.times(_atom(atom))


def _power_of_molar_mass(ratio: Unit) -> int:
    """Return the power of g/mol that makes a ratio of units a pure number; 0 where none does, or none is needed."""
    exponents = dict(ratio.exponents)
    mass, amount = exponents.pop(MASS, 0), exponents.pop(AMOUNT, 0)
    return amount if not exponents and mass == -amount and abs(mass) == 1 else 0


def _dimensions(unit: Unit) -> str:
    return ".".join(f"{base}{'' if power == 1 else power}" for base, power in unit.exponents) or "a pure number"


def _decimal(number: Fraction) -> Decimal:
    rounded = PRECISION.divide(Decimal(number.numerator), Decimal(number.denominator)).normalize(PRECISION)
    return Decimal(f"{rounded:f}")
