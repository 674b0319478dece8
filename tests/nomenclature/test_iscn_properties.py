"""Whatever is written is read: valid karyotypes come back as they were made, and no text breaks the reader."""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.nomenclature.iscn import read_abnormality, read_karyotype, write_karyotype
from haemony.nomenclature.iscn.bands import Piece


@dataclass(frozen=True)
class Made:
    """An abnormality as it was made: its text and what a reader must find in it."""

    text: str
    pieces: tuple[Piece, ...] = ()
    copies: int = 1


CHROMOSOME = st.sampled_from([*map(str, range(1, 23)), "X"])
BAND = st.builds("{}{}{}".format, st.sampled_from("pq"), st.integers(11, 29), st.sampled_from(["", "", ".1", ".3"]))
ONE_BREAK = st.builds(
    lambda kind, c, b: Made(f"{kind}({c})({b})", (Piece(kind, (c,), ((b,),)),)),
    st.sampled_from(["del", "add", "dup", "hsr", "fra", "idic"]),
    CHROMOSOME,
    BAND,
)
TWO_BREAKS = st.builds(
    lambda kind, c, a, b: Made(f"{kind}({c})({a}{b})", (Piece(kind, (c,), ((a, b),)),)),
    st.sampled_from(["del", "dup", "inv", "r", "trp", "qdp"]),
    CHROMOSOME,
    BAND,
    BAND,
).filter(lambda m: not m.text.startswith(("inv(9)", "inv(2)")))


def _joined(kind: str, points: list[tuple[str, str]]) -> Made:
    chromosomes, bands = tuple(c for c, _ in points), tuple((b,) for _, b in points)
    written = f"{kind}({';'.join(chromosomes)})({';'.join(b for _, b in points)})"
    return Made(written, (Piece(kind, chromosomes, bands),))


POINTS = st.lists(st.tuples(CHROMOSOME, BAND), min_size=2, max_size=4, unique_by=lambda p: p[0])
EXCHANGE = POINTS.map(lambda points: _joined("t", points))
DICENTRIC = POINTS.map(lambda points: _joined("dic", points[:2]))
INSERTION = st.builds(
    lambda a, b, x, y, z: Made(f"ins({a};{b})({x};{y}{z})", (Piece("ins", (a, b), ((x,), (y, z))),)),
    CHROMOSOME,
    CHROMOSOME,
    BAND,
    BAND,
    BAND,
)


def _derivative(exchange: Made, more: Made) -> Made:
    first = exchange.pieces[0].chromosomes[0]
    text = f"der({first}){exchange.text}{more.text}"
    return Made(text, (Piece("der", (first,), ((),)), *exchange.pieces, *more.pieces))


DERIVATIVE = st.builds(_derivative, EXCHANGE, st.one_of(ONE_BREAK, TWO_BREAKS, st.just(Made(""))))
REARRANGED = st.one_of(ONE_BREAK, TWO_BREAKS, EXCHANGE, DICENTRIC, INSERTION, DERIVATIVE)
TWICE = ONE_BREAK.map(lambda m: Made(f"{m.text}x2", m.pieces, 2))
NUMERICAL = st.builds(lambda sign, c: Made(f"{sign}{c}"), st.sampled_from("+-"), st.integers(1, 22))
MARKER = st.sampled_from(
    [Made("+mar"), Made("+2mar", copies=2), Made("+mar1"), Made("+r"), Made("dmin"), Made("+1~3mar")]
)
ABNORMALITY = st.one_of(NUMERICAL, REARRANGED, REARRANGED, MARKER, TWICE)
ABNORMALITIES = st.lists(ABNORMALITY, max_size=5, unique_by=lambda m: m.text)


@st.composite
def karyotypes(draw: st.DrawFn) -> str:
    """Draw a valid karyotype: a stem line, side lines, unrelated clones, normal cells."""
    sex = draw(st.sampled_from(["XX", "XY"]))
    clones = []
    for index in range(draw(st.integers(1, 4))):
        number = draw(st.sampled_from(["46", "45", "47~49", "43~45<2n>"]))
        lineage = draw(st.sampled_from([sex, "idem", "sl", "sdl1"])) if index > 1 else sex
        parts = [number, lineage, *(m.text for m in draw(ABNORMALITIES))]
        if draw(st.booleans()) and index:
            parts.append("inc")
        cells = draw(st.sampled_from(["", "[12]", "[cp5]"]))
        clones.append(",".join(parts) + cells)
    return "/".join(clones)


@given(REARRANGED)
def test_a_rearrangement_is_read_as_it_was_made(made: Made) -> None:
    abnormality = read_abnormality(made.text.lower())
    assert abnormality is not None
    assert abnormality.pieces == made.pieces
    assert abnormality.leftover == ""
    assert abnormality.text == made.text


@given(st.lists(st.tuples(ABNORMALITIES, st.integers(1, 99)), min_size=1, max_size=4), st.sampled_from(["XX", "XY"]))
def test_well_formed_karyotypes_are_read_whole(clones: list[tuple[list[Made], int]], sex: str) -> None:
    text = "/".join(",".join(["46", sex, *(m.text for m in made)]) + f"[{cells}]" for made, cells in clones)
    karyotype = read_karyotype(text)
    assert karyotype.whole
    assert karyotype.cells == sum(cells for _, cells in clones)
    for clone, (made, cells) in zip(karyotype.clones, clones, strict=True):
        assert (clone.low, clone.sex, clone.cells) == (46, sex, cells)
        if not any(m.text.startswith(("der", "+der")) for m in made):
            assert [(a.pieces, a.copies) for a in clone.abnormalities] == [(m.pieces, m.copies) for m in made]


@given(ABNORMALITIES, ABNORMALITIES, st.data())
def test_a_side_line_has_what_its_stem_has_with_additions_and_losses(
    stem: list[Made], added: list[Made], data: st.DataObject
) -> None:
    structural = [m for m in stem if m.pieces and m.copies == 1]
    lost = data.draw(st.lists(st.sampled_from(structural), unique=True, max_size=2) if structural else st.just([]))
    taken = {m.text.lstrip("+-") for m in stem}
    added = [m for m in added if m.pieces and m.text not in taken and m not in stem]
    stem_text, own = [m.text for m in stem], [*(f"-{m.text}" for m in lost), *(m.text for m in added)]
    karyotype = read_karyotype(f"{','.join(['46', 'XX', *stem_text])}[5]/{','.join(['46', 'sl', *own])}[5]")
    expected = [m.pieces for m in [*(m for m in stem if m not in lost), *added]]
    assert karyotype.unread == ()
    assert [a.pieces for a in karyotype.clones[1].abnormalities] == expected
    assert karyotype.clones[1].sex == "XX"


@given(karyotypes())
def test_what_is_written_is_read_back(text: str) -> None:
    clones = read_karyotype(text).clones
    assert read_karyotype(write_karyotype(clones)).clones == clones


@given(karyotypes(), st.randoms(use_true_random=False))
def test_case_and_blanks_say_nothing(text: str, random: Random) -> None:
    blank = "".join(char.join(random.choices(["", " "], k=2)) if char in ",/()[];" else char for char in text)
    varied = "".join(char.swapcase() if random.random() < 0.5 else char for char in blank)
    assert read_karyotype(varied).clones == read_karyotype(text).clones


@given(st.one_of(st.text(max_size=60), st.text("46,XY+-;/()[]pq0123 tdelrinvcmx?.~or", max_size=60), karyotypes()))
def test_any_text_is_read_without_error(text: str) -> None:
    karyotype = read_karyotype(text)
    assert karyotype.text == text
    assert karyotype.readable == bool(karyotype.clones)
    assert bool(karyotype.reason) == (not karyotype.readable)
    assert all(key and keys for keys in karyotype.keys for key in keys)
    assert all(0 <= part.at <= len(text) for part in (*karyotype.unread, *karyotype.remarks, *karyotype.aside))
    for clone in karyotype.clones:
        assert (clone.lost, clone.gained, clone.broken) is not None
        assert all(clone.arms().values())


LONG = [
    "46,XX,+mar" + "9" * 9000,
    "46,XX," + "t(" * 4900,
    "9" * 9999,
    "/46,XX" * 1600,
    "46,XX" + ",sl" * 3000,
    "46,XX,+8" + "/47,sl,+9" * 1000,
    "46,XX,t(" + "1;" * 4900,
    "46,XX," + "t(1;2)" * 1600,
    "46,XX" + ",der(1)t(1;2)" * 760,
    " " * 9999,
    "\n" * 9990 + "46,XX",
    ";" * 9999,
    "46,XX" + ")q1" * 3300,
    "46,XX,xor" + "xor" * 3300,
    "[" * 9999,
    "46,XX ish" + " ish" * 2400,
    "46,XX," + "a" * 9990,
    "46,XX," + "?" * 9990,
    "46,XX/" + "fish" * 2400,
]


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_long_texts_take_no_time(text: str) -> None:
    start = time.process_time()
    assert read_karyotype(text).text == text
    assert time.process_time() - start < 2
