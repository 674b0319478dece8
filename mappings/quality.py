"""Read ``quality`` of ``partner.yaml``: which share of records may break a shape at this partner, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from haemony.mappings.curie import nearest
from haemony.mappings.model import Allowance
from haemony.ontology.shape_ids import SHAPES, shape_ids

if TYPE_CHECKING:
    from haemony.mappings.layout import Reader

KEY: Final = "quality"
ALLOWANCE: Final = ("threshold", "reason")


def read_quality(reader: Reader, folder: Path) -> dict[str, Allowance]:
    """Read the partner's own thresholds, by shape."""
    given = reader.mapping(reader.top, KEY)
    reader.doubles(given, KEY)
    known = shape_ids(_shape_files(folder)) if given else frozenset()
    found = {}
    for shape in given:
        name, line = f"{KEY}.{shape}", given.lines[shape]
        if shape not in known:
            reader.problem(line, name, f"There is no shape {shape!r}.", nearest(shape, known))
        value = reader.mapping(given, shape, KEY)
        if not value:
            reader.problem(line, name, "Nothing is said of the shape.", "Write {threshold: 0.05, reason: ...}.")
            continue
        reader.keys(value, ALLOWANCE, name)
        text = reader.text(value, "threshold", name, required=True)
        reason = reader.text(value, "reason", name, required=True)
        share = _share(text)
        if share is None and text:
            message = f"{text!r} is no share of records."
            reader.problem(value.lines["threshold"], f"{name}.threshold", message, "Write 0 to 1: 0.05 for 5 %.")
        if share is not None and reason:
            found[shape] = Allowance(share, reason)
    return found


def _share(text: str) -> float | None:
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None


def _shape_files(folder: Path) -> list[Path]:
    """List the shapes that a partner may name: the built-in ones, those of its folder of mappings, and its own."""
    return [path for home in (SHAPES, folder.parent.parent / "shapes", folder) for path in sorted(home.glob("*.ttl"))]
