"""The vocabulary and the schema that partners are read against."""

from __future__ import annotations

import pytest

from haemony.ontology.schema import Schema, read_schema
from haemony.ontology.vocabulary import Vocabulary, read_vocabulary


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return read_vocabulary()


@pytest.fixture(scope="session")
def schema() -> Schema:
    return read_schema()
