"""Fates: how a delivered cell ends, and the reasons for it."""

from __future__ import annotations

from typing import Final

#: The fates of a cell, best first: a cell used twice has the better one.
LOADED, QUARANTINED, IGNORED, DROPPED, MISSING = "loaded", "quarantined", "ignored", "dropped", "missing"
FATES: Final = (LOADED, QUARANTINED, IGNORED, DROPPED, MISSING)

UNMAPPED: Final = "unmapped"
#: A readable time whose clock has no known start: no index date, or nothing in the column that `at` names.
NO_CLOCK: Final = "no-clock"
#: A time that cannot be read, and so serves nothing else either: no clock, no last contact, no day 0.
UNREADABLE_DATE: Final = "unreadable-date"

#: Why whole rows are out.
UNKNOWN_PATIENT, DUPLICATE_KEY, WHERE = "unknown-patient", "duplicate-key", "where"
#: A cell that says what a preferred table denies.
OVERRULED: Final = "overruled"
#: A negative cell of a patient whom the panel over its column did not test.
UNTESTED: Final = "panel-untested"
#: A cell that only other cells use, and none of them loaded.
NO_USE: Final = "context-unused"
#: What takes records with it that stand on a quarantined one.
DEPENDENT: Final = "dependent"
#: A concept that the vocabulary is to have: its cells wait.
WANTED: Final = "concept-wanted"
#: What befalls a cell because of others in its row or of its patient.
NO_LEAD, UNREADABLE_LEAD, REQUIRED_MISSING = "no-lead", "unreadable-lead", "required-missing"

#: Reasons that do not blame the cell's own value. All others do, the ids of broken shapes among them.
BLAMELESS: Final = (
    *(WANTED, UNKNOWN_PATIENT, DUPLICATE_KEY, OVERRULED, DEPENDENT),
    *(NO_LEAD, UNREADABLE_LEAD, REQUIRED_MISSING, NO_CLOCK),
)
