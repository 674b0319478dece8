"""Scorecards on disk: in a build, through time, and of deliveries that were refused.

builds/<id>/partners/<name>/quality.json    the scorecard of the delivery
quality/<name>.jsonl                        the scorecards of its builds, the latest last; they outlive the builds
refused/                                    laid out like a build without a graph: what reports need of deliveries
                                            that were refused, until a delivery of the partner is built
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any, Final

from haemony.engine.errors import BuildError, Problem
from haemony.graph_loader.quality import Difference, Scorecard, difference
from haemony.mappings.model import Partner

QUALITY: Final = "quality.json"
HISTORY: Final = "quality"
REFUSED: Final = "refused"
#: As many scorecards as are kept of a partner.
KEPT: Final = 50
#: As many reasons as a refusal names.
NAMED: Final = 5


def delivery_digest(partner: Partner, data: Path, secret: str) -> str:
    """Return a keyed digest of the files of a delivery: it tells whether two are the same, and nothing else."""
    key = blake2b(secret.encode()).digest()
    whole = blake2b(key=key, digest_size=16)
    for name in sorted({table.file for table in partner.tables.values()}):
        with (data / name).open("rb") as file:
            whole.update(name.encode() + b"\0" + file_digest(file, lambda: blake2b(key=key)).digest())
    return whole.hexdigest()


def write_card(card: Scorecard, folder: Path) -> None:
    """Write the scorecard into the folder of the partner in a build."""
    (folder / QUALITY).write_text(json.dumps(card.json(), indent=2) + "\n", encoding="utf-8")


def read_card(folder: Path) -> Scorecard:
    """Read the scorecard of a partner in a build; raise ``BuildError`` where the build is older than scorecards."""
    path = folder / QUALITY
    if not path.is_file():
        raise BuildError(f"the build has no scorecard of {folder.name}. Build it again: haemony build {folder.name}.")
    return Scorecard.of_json(json.loads(path.read_text(encoding="utf-8")))


def remember(folder: Path, cards: Iterable[Scorecard]) -> None:
    """Add scorecards to the history of a build folder.

    A build that tells nothing new (same files, same counts) takes the place of the one before, so that the difference
    to the delivery before that stays in view.
    """
    for card in cards:
        path = folder / HISTORY / f"{card.partner}.jsonl"
        path.parent.mkdir(exist_ok=True)
        told = _history(path)
        if told and _tale(told[-1]) == _tale(card.json()):
            told.pop()
        lines = [json.dumps(each) for each in [*told, card.json()][-KEPT:]]
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.replace(draft, path)


def _tale(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a scorecard says, whenever it was made."""
    return {name: value for name, value in card.items() if name not in ("build", "built_at")}


def _history(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines]


def since_last(folder: Path, card: Scorecard) -> Difference | None:
    """Return what changed since the delivery before; None where there was none."""
    told = _history(folder / HISTORY / f"{card.partner}.jsonl")
    former = [each for each in told if each["build"] != card.build]
    return difference(card, Scorecard.of_json(former[-1])) if former else None


def refuse(folder: Path, build: Path, cards: Sequence[Scorecard]) -> BuildError:
    """Keep what reports need of refused deliveries, and return the error that says why they are refused."""
    kept = folder / REFUSED
    kept.mkdir(mode=0o700, exist_ok=True)
    for card in cards:
        place = kept / "partners" / card.partner
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(build / "partners" / card.partner, place)
    about = json.loads((build / "build.json").read_text(encoding="utf-8"))
    about["partners"] = sorted(path.name for path in (kept / "partners").iterdir())
    (kept / "build.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return BuildError([_refusal(card) for card in cards])


def _refusal(card: Scorecard) -> Problem:
    reasons = list(card.because[:NAMED])
    if len(card.because) > NAMED:
        reasons.append(f"and {len(card.because) - NAMED} more")
    advice = (
        f"The graph stays as it was. See haemony quality {card.partner} --refused and haemony report {card.partner} "
        "--refused. Repair the mapping or the delivery; or write a threshold and its reason under `quality` in "
        "partner.yaml; or build with --accept-rejected and the reason why."
    )
    return Problem(card.partner, None, "", f"the delivery is rejected: {'; '.join(reasons)}.", advice)


def forget_refused(folder: Path, partners: Iterable[str]) -> None:
    """Remove what is kept of refused deliveries of partners that are built now."""
    kept = folder / REFUSED
    for name in partners:
        shutil.rmtree(kept / "partners" / name, ignore_errors=True)
    if kept.is_dir() and not any((kept / "partners").iterdir()):
        shutil.rmtree(kept)


def refused_build(folder: Path) -> Path:
    """Return where refused deliveries are kept; raise ``BuildError`` where there are none."""
    if not (folder / REFUSED).is_dir():
        raise BuildError(f"no delivery is refused in {folder}.")
    return folder / REFUSED
