"""Draw the README's pictures: the graph's model from the ontology, and survival in the made-up data.

Run it with ``make figures``. The model is plain SVG: rows of records between the patient and what patients share.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from haemony.ontology.schema import Field, RecordClass, Schema, read_schema

IMAGES: Final = Path(__file__).with_name("images")
INK, PALE, LINE = "#1f2933", "#616e7c", "#9aa5b1"
#: Fill and border of patients, of what a partner delivers, and of what patients share.
PATIENT, RECORD, SHARED = ("#fde8e8", "#c53030"), ("#ffffff", "#829ab1"), ("#e3f2ef", "#2c7a6b")
ROW, GAP, TOP, WIDTH = 66, 14, 118, 1170
PATIENT_X, RECORD_X, HUB_X = 40, 405, 1010
PATIENT_W, RECORD_W, HUB_W = 130, 330, 130
#: Relationships that every build has beside the ontology's own.
PANEL: Final = ("TESTED_BY", "COVERS · ANSWERS", "genes and findings that a test looked for")


@dataclass(frozen=True)
class Box:
    """A kind of node: where it stands, what it is called, what it holds."""

    x: float
    y: float
    width: float
    height: float
    name: str
    lines: tuple[str, ...]
    colours: tuple[str, str]

    @property
    def middle(self) -> float:
        """Return the height of its centre."""
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        """Return where it ends."""
        return self.x + self.width

    def svg(self) -> Iterator[str]:
        """Yield the box and its texts."""
        fill, border = self.colours
        yield (
            f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="9" '
            f'fill="{fill}" stroke="{border}" stroke-width="1.5"/>'
        )
        first = self.middle - 7.5 * len(self.lines) + 5
        yield _text(self.x + self.width / 2, first, self.name, size=15, weight="bold", anchor="middle")
        for number, line in enumerate(self.lines, 1):
            yield _text(self.x + self.width / 2, first + 15 * number, line, size=11, colour=PALE, anchor="middle")


def model(schema: Schema) -> str:
    """Return the picture of the graph as SVG."""
    records = sorted((c for c in schema.records if c.name != "Patient"), key=lambda c: not _refers(c, schema))
    rows = [_record(cls, number) for number, cls in enumerate(records)]
    panel = Box(RECORD_X, _row(len(rows)), RECORD_W, ROW, "Panel", (PANEL[2],), SHARED)
    bottom = panel.y + ROW
    patient = Box(
        PATIENT_X, TOP + (bottom - TOP) / 2 - 75, PATIENT_W, 150, "Patient", _fields(schema["Patient"], 16), PATIENT
    )
    dataset = Box(PATIENT_X, 28, PATIENT_W, 50, "Dataset", ("one partner's delivery",), SHARED)
    concept = Box(
        HUB_X, TOP, HUB_W, bottom - TOP, "Concept", ("with its vocabulary", "and all that it", "is a kind of"), SHARED
    )
    gene = Box(HUB_X, 28, HUB_W, 50, "Gene", ("HGNC",), SHARED)
    shared = [
        Box(RECORD_X + RECORD_W + 60, 28, 130, 50, c.name, ("shared by carriers",), SHARED) for c in schema.shared
    ]
    drawn: list[str] = []
    drawn += _curve(patient.x + PATIENT_W / 2, patient.y, dataset.x + PATIENT_W / 2, dataset.y + 50, "FROM")
    for cls, box in zip(records, rows, strict=True):
        drawn += _fan(patient, box, cls.relationship)
        named = [f.relationship for f in cls.fields if f.kind == "concept" and f.range == "Concept" and f.relationship]
        drawn += _across(box, concept, " · ".join(dict.fromkeys(named)))
        for field in (f for f in cls.fields if f.range == "Gene"):
            drawn += _up(box, gene, field.relationship, 0.82)
        for target in (b for b in shared if any(f.range == b.name for f in cls.fields)):
            drawn += _up(box, target, next(f.relationship for f in cls.fields if f.range == target.name), 0.3)
    for box in shared:
        drawn += _straight(box.right, box.middle, gene.x, box.middle, "IN")
    drawn += _fan(patient, panel, PANEL[0]) + _across(panel, concept, PANEL[1])
    drawn += _loop(concept, "IS_A")
    for box in (patient, dataset, concept, gene, *shared, *rows, panel):
        drawn += box.svg()
    return _page(drawn, bottom + 28)


def _record(cls: RecordClass, number: int) -> Box:
    return Box(RECORD_X, _row(number), RECORD_W, ROW, cls.name, _fields(cls, 60), RECORD)


def _row(number: int) -> float:
    return TOP + number * (ROW + GAP)


def _refers(cls: RecordClass, schema: Schema) -> bool:
    return any(f.range in {c.name for c in schema.shared} for f in cls.fields)


def _fields(cls: RecordClass, width: int) -> tuple[str, ...]:
    """Return the fields of a class that are no relationships, and its relationships to other records."""
    plain = [f.name for f in cls.fields if not f.relationship and f.role != "delivered"]
    lines = textwrap.wrap(", ".join(plain), width, break_long_words=False, max_lines=2, placeholder=" …")
    lines += [_link(cls, f) for f in cls.fields if f.kind == "reference" and f.role == "link"]
    return tuple(lines)


def _link(cls: RecordClass, field: Field) -> str:
    ends = (field.range, cls.name) if field.inverse else (cls.name, field.range)
    return f"({ends[0]})-[{field.relationship}]→({ends[1]})"


def _fan(patient: Box, box: Box, label: str) -> list[str]:
    x, y, bend = box.x, box.middle, patient.right + 75
    line = _path(
        f"M{patient.right},{patient.middle} C{bend},{patient.middle} {bend - 20},{y} {bend + 40},{y} L{x - 3},{y}"
    )
    return [line, _label(x - 12, y - 5, label, "end")]


def _across(box: Box, hub: Box, label: str) -> list[str]:
    return (
        [
            _path(f"M{box.right},{box.middle} L{hub.x - 3},{box.middle}"),
            _label(hub.x - 14, box.middle - 5, label, "end"),
        ]
        if label
        else []
    )


def _up(box: Box, hub: Box, label: str, share: float) -> list[str]:
    """Draw from a record to what stands above it at the right."""
    start, end = box.y + ROW * 0.25, hub.x + hub.width * (0.5 if share < 0.5 else 0.25)
    line = _path(f"M{box.right},{start} C{box.right + 60},{start} {end},{start} {end},{hub.y + hub.height + 3}")
    return [line, _label(end - 8, hub.y + hub.height + 22, label, "end")]


def _curve(x: float, y: float, to_x: float, to_y: float, label: str) -> list[str]:
    return [_path(f"M{x},{y} L{to_x},{to_y + 3}"), _label(x + 8, (y + to_y) / 2, label, "start")]


def _straight(x: float, y: float, to_x: float, to_y: float, label: str) -> list[str]:
    return [_path(f"M{x},{y} L{to_x - 3},{to_y}"), _label((x + to_x) / 2, y - 5, label, "middle")]


def _loop(hub: Box, label: str) -> list[str]:
    x, y = hub.right - 30, hub.y + hub.height
    return [_path(f"M{x - 40},{y} C{x - 40},{y + 34} {x},{y + 34} {x},{y + 3}"), _label(x + 6, y + 20, label, "start")]


def _path(d: str) -> str:
    return f'<path d="{d}" fill="none" stroke="{LINE}" stroke-width="1.4" marker-end="url(#arrow)"/>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return _text(x, y, text, size=10.5, colour="#334e68", anchor=anchor, halo=True)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    colour: str = INK,
    weight: str = "normal",
    anchor: str = "start",
    halo: bool = False,
) -> str:
    around = ' stroke="#fff" stroke-width="4" paint-order="stroke"' if halo else ""
    style = f'font-size="{size}" font-weight="{weight}" fill="{colour}" text-anchor="{anchor}"{around}'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(text)}</text>'


def _page(drawn: list[str], height: float) -> str:
    arrow = (
        '<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{LINE}"/></marker>'
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}" '
        'font-family="Helvetica, Arial, sans-serif" role="img" aria-label="Nodes and relationships of the graph">'
    )
    return "\n".join(
        [
            head,
            f"<defs>{arrow}</defs>",
            f'<rect width="{WIDTH}" height="{height:g}" fill="#fff"/>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def survival(target: Path) -> None:
    """Draw survival by NPM1 and FLT3-ITD in the demo's build."""
    from haemony.analysis.survival import save_chart, survival_chart
    from haemony.api.query_library import run_query
    from haemony.api.settings import read_settings
    from haemony.api.workbench import Workbench

    with Workbench(read_settings()).store() as store:
        curves = run_query(store, "survival-by-genotype", {"alterations": "NPM1,FLT3-ITD"}).survival
    title = "Overall survival by NPM1 and FLT3-ITD (made-up patients)"
    save_chart(survival_chart(curves["groups"], curves["durations"], curves["events"], title=title, years=8), target)


def main() -> None:
    """Draw both; the second needs a build (``make demo``)."""
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / "model.svg").write_text(model(read_schema()), encoding="utf-8")
    if Path(os.environ.get("HAEMONY_BUILD", ".haemony"), "current").exists():
        survival(IMAGES / "survival.svg")
    else:
        sys.stderr.write("No survival curves: there is no build. make demo makes one.\n")


if __name__ == "__main__":
    main()
