"""What each reason of the ledger, and each flag of a record, means, and what a curator can do about it."""

from __future__ import annotations

from typing import Final

#: Reasons of cells that are not in the graph: what it means, what to do. Ids of shapes are reasons too.
REASONS: Final[dict[str, tuple[str, str]]] = {
    # quarantined
    "unmapped": ("no row says what the value means", "map it in concepts.sssom.tsv, or name it in `missing`"),
    "concept-wanted": (
        "the concept is wanted",
        "give it an object_id once the vocabulary, or your concepts.csv, has it",
    ),
    "unreadable-number": ("not a number", "check `decimal`, or name the text in `missing`"),
    "unreadable-date": (
        "not a date of the format, or a day that is still to come",
        "check `format`, or have the date corrected",
    ),
    "unreadable-text": ("the nomenclature cannot read it", "map the text in concepts.sssom.tsv, or have it corrected"),
    "unreadable-lead": ("what names the record could not be read", "repair that cell"),
    "required-missing": ("the record lacks a field that its class requires", "ask the partner for it, or map it"),
    "unknown-unit": ("no such unit, or none that converts", "map it with haemony:mapsToUnit"),
    "no-clock": ("a time whose start is not known", "ask for the date that `at`, or day 0, names"),
    "unknown-patient": ("the roster has no such patient", "ask the partner; check `patient` of the table"),
    "duplicate-key": (
        "another row has its key too, or the roster has its patient twice",
        "ask the partner which row holds",
    ),
    "overruled": ("another table, preferred in writing, says otherwise", "look at both; `prefer` decided"),
    "no-lead": ("nothing names the record that the cell belongs to", "ask the partner, or say ignore"),
    "dependent": ("stands on a record that is quarantined", "repair that record"),
    # ignored
    "ignore": ("the dictionary says ignore, and why", ""),
    "where": ("the table's `where` leaves the row out", ""),
    "no-term-found": ("a row says that there is no concept for it", ""),
    "one-hot-false": ("false in a one-hot column says nothing", ""),
    "broad-false": ("false under a broad match says nothing", ""),
    "absent-no-fact": ("an absent treatment or response is no fact", ""),
    "panel-untested": ("false for a patient whom the panel did not test", ""),
    "context-unused": ("read only for other cells, which made nothing of it", ""),
    # dropped
    "drop": ("identifying: never read", ""),
}

#: Flags of records that are in the graph. Ids of shapes that warn are flags too.
FLAGS: Final[dict[str, str]] = {
    "link-none": "belongs to a record that was not found",
    "link-several": "belongs to one of several records, and it is not clear which",
    "duplicate-row": "rows of one column said the same more than once",
    "karyotype-partly-read": "something in the karyotype was not understood: what it does not say is not negative",
    "panel-silent": "a flag is set where a panel that covers it found nothing",
    "dependent": "referred to a record that is quarantined",
    "date-known-to-the-month": "a date was delivered as a month: its day is the middle of it",
    "date-known-to-the-year": "a date was delivered as a year: its day is the middle of it",
}


def meaning(reason: str, rules: dict[str, str]) -> tuple[str, str]:
    """Return what a reason means and what to do; ``rules`` has the texts of the shapes.

    >>> meaning("unreadable-number", {})[0]
    'not a number'
    """
    if reason in rules:
        return rules[reason], "have the value corrected, or the unit or mapping"
    return REASONS.get(reason, (FLAGS.get(reason, ""), ""))
