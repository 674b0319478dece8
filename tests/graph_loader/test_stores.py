from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.engine.errors import BuildError, QueryError
from haemony.graph_loader.graph import project
from haemony.graph_loader.stores.base import GraphStore, GraphTables, check_reading
from haemony.graph_loader.stores.ladybug import LadybugStore
from haemony.ontology.schema import read_schema
from haemony.ontology.vocabulary import read_vocabulary
from tests.build_folder import NPM1, example_build

STORES = ("ladybug",)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> GraphTables:
    return project(example_build(tmp_path_factory.mktemp("build")), read_schema(), read_vocabulary())


@pytest.fixture(scope="module", params=STORES)
def store(
    request: pytest.FixtureRequest, graph: GraphTables, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GraphStore]:
    """Every store, loaded with the example: what is tested through it holds for all of them."""
    with LadybugStore(tmp_path_factory.mktemp(request.param) / "graph.lbug") as opened:
        opened.load(graph)
        yield opened


# --- what every store does -----------------------------------------------------------------------------------------


def test_all_nodes_and_relationships_are_there(store: GraphStore, graph: GraphTables) -> None:
    assert store.labels() == {n.label: n.rows for n in graph.nodes}
    by_type: dict[str, int] = {}
    for relationship in graph.relationships:
        by_type[relationship.type] = by_type.get(relationship.type, 0) + relationship.rows
    assert store.relationships() == by_type


def test_numbers_and_lists_come_back_as_python_has_them(store: GraphStore) -> None:
    rows = store.query("MATCH (m:Mutation {id: $id}) RETURN m.vaf AS vaf, m.mappings AS mappings", {"id": f"n1-{NPM1}"})
    assert rows.dicts() == [{"vaf": 0.42, "mappings": ["north/dictionary.tsv:3"]}]
    (total,) = store.query("MATCH (o:Outcome) RETURN sum(CASE WHEN o.event THEN 1 ELSE 0 END) AS events").rows[0]
    assert (total, type(total)) == (4, int)


def test_nodes_come_back_as_maps_of_what_is_filled(store: GraphStore) -> None:
    ((node,),) = store.query("MATCH (p:Patient {id: 'n4'}) RETURN p").rows
    assert node["id"] == "n4"
    assert node["age"] == 60.0
    assert "sex" not in node


def test_rows_are_cut_at_the_limit_and_say_so(store: GraphStore) -> None:
    cut = store.query("MATCH (p:Patient) RETURN p.id ORDER BY p.id", limit=2)
    assert (len(cut.rows), cut.truncated) == (2, True)
    whole = store.query("MATCH (p:Patient) RETURN p.id", limit=6)
    assert (len(whole.rows), whole.truncated) == (6, False)


def test_a_parameter_that_is_not_given_is_an_error_not_null(store: GraphStore) -> None:
    with pytest.raises(QueryError, match=r"needs a value for \$id"):
        store.query("MATCH (p:Patient {id: $id}) RETURN p")


def test_a_parameter_is_a_value_and_never_text_of_the_query(store: GraphStore) -> None:
    assert store.query("MATCH (p:Patient {id: $id}) RETURN p", {"id": "n1'}) RETURN 1 //"}).rows == ()


@pytest.mark.parametrize(
    "cypher",
    [
        "MATCH (p:Patient) DETACH DELETE p",
        "CREATE (:Patient {id: 'x'})",
        "MATCH (p:Patient) SET p.age = 1",
        "MATCH (p:Patient) WHERE p.age > 1.SET p.age = 1",
        "match (p:Patient) remove p.age",
        "COPY (MATCH (p:Patient) RETURN p.id) TO 'stolen.csv'",
        "LOAD FROM 'clinical.csv' RETURN *",
        "MATCH (p:Patient) LOAD FROM 'clinical.csv' RETURN count(*)",
        "CALL show_tables() RETURN *",
        "MATCH (p:Patient) RETURN p.id; MATCH (p:Patient) DETACH DELETE p",
        "/* harmless */ MERGE (p:Patient {id: 'x'})",
        "",
        "// nothing",
    ],
)
def test_only_one_reading_statement_runs(store: GraphStore, cypher: str) -> None:
    with pytest.raises(QueryError):
        store.query(cypher)


@pytest.mark.parametrize(
    "cypher",
    [
        "MATCH (p:Patient) WHERE p.id = 'SET; CREATE' RETURN p.id",
        "MATCH (p:Patient) RETURN p.id AS `set`",
        "// SET in a comment\nMATCH (p:Patient) RETURN p.id;",
    ],
)
def test_words_that_only_look_like_writing_do_no_harm(store: GraphStore, cypher: str) -> None:
    store.query(cypher)


@pytest.mark.parametrize("cypher", ["MATCH (n:Patien) RETURN n", "MATCH (n:Patient RETURN n", "RETURN nothing"])
def test_a_faulty_query_is_explained_in_one_line(store: GraphStore, cypher: str) -> None:
    with pytest.raises(QueryError) as error:
        store.query(cypher)
    assert str(error.value)
    assert "\n" not in str(error.value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        check_reading(text, {})
    except QueryError:
        return
    assert text.strip()


# --- the embedded store --------------------------------------------------------------------------------------------


def test_no_graph_yet_says_what_to_do(tmp_path: Path) -> None:
    with LadybugStore(tmp_path / "graph.lbug") as store, pytest.raises(BuildError, match="haemony build"):
        store.query("MATCH (n:Patient) RETURN n")


def test_a_file_that_is_no_graph_is_named(tmp_path: Path) -> None:
    (tmp_path / "graph.lbug").write_text("not a graph" * 500)
    with pytest.raises(BuildError, match="cannot be opened as a graph"), LadybugStore(tmp_path / "graph.lbug"):
        pass


def test_loading_leaves_one_file(tmp_path: Path, graph: GraphTables) -> None:
    (tmp_path / "graph.lbug.wal").write_bytes(b"of another graph")
    LadybugStore(tmp_path / "graph.lbug").load(graph)
    assert [p.name for p in tmp_path.iterdir()] == ["graph.lbug"]


def test_a_load_that_fails_leaves_the_old_graph(tmp_path: Path, graph: GraphTables) -> None:
    with LadybugStore(tmp_path / "graph.lbug") as store:
        store.load(graph)
        unlike = replace(graph.nodes[0], rows=graph.nodes[0].rows + 1)
        with pytest.raises(BuildError, match="holds 6 where 7 were written"):
            store.load(GraphTables((unlike, *graph.nodes[1:]), graph.relationships))
        lost = replace(graph.nodes[0], path=tmp_path / "lost.parquet")
        with pytest.raises(BuildError, match="cannot be loaded"):
            store.load(GraphTables((lost, *graph.nodes[1:]), graph.relationships))
        assert store.labels()["Patient"] == 6
    assert [p.name for p in tmp_path.iterdir()] == ["graph.lbug"]


def test_a_reader_sees_the_old_graph_until_it_opens_again(tmp_path: Path, graph: GraphTables) -> None:
    small = GraphTables((replace(graph.nodes[0], rows=0), *graph.nodes[1:]), ())
    writer = LadybugStore(tmp_path / "graph.lbug")
    writer.load(graph)
    with LadybugStore(tmp_path / "graph.lbug") as reader:
        assert reader.labels()["Patient"] == 6
        writer.load(small)
        assert reader.labels()["Patient"] == 6
        reader.close()
        assert reader.labels()["Patient"] == 0


KILLED = """
    import sys, time
    from pathlib import Path
    import haemony.graph_loader.stores.ladybug as ladybug
    from haemony.graph_loader.stores.base import GraphTables, NodeTable, Property

    written = ladybug._check_counts
    def wait(connection, graph):
        print("half-way", flush=True)
        time.sleep(60)
    ladybug._check_counts = wait
    node = NodeTable("Patient", (Property("id", "string"),), Path(sys.argv[1]), 0)
    ladybug.LadybugStore(Path(sys.argv[2])).load(GraphTables((node,), ()))
"""


def test_a_killed_load_leaves_the_old_graph_and_the_next_one_cleans_up(tmp_path: Path, graph: GraphTables) -> None:
    path = tmp_path / "graph.lbug"
    LadybugStore(path).load(graph)
    before = path.read_bytes()
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(graph.nodes[0].path), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half-way\n"
        process.send_signal(signal.SIGKILL)
    assert path.read_bytes() == before
    assert list(tmp_path.glob("*.building-*")), "the kill came before anything was written"
    LadybugStore(path).load(graph)
    assert [p.name for p in tmp_path.iterdir()] == ["graph.lbug"]


def test_a_load_that_still_runs_keeps_its_file(tmp_path: Path, graph: GraphTables) -> None:
    running = tmp_path / f"graph.lbug.building-{os.getppid()}"
    running.touch()
    LadybugStore(tmp_path / "graph.lbug").load(graph)
    assert running.exists()
