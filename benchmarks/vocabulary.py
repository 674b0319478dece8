"""Import, search and look up a made-up download of Athena: seconds and peak memory, beside a bare copy to Parquet.

    python benchmarks/vocabulary.py [--concepts 5000000]

A full download has about 5 to 10 million concepts; none is bundled, so concepts, relationships and ancestors are made
up in its layout. Every step runs in a process of its own, whose peak memory the operating system reports.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

#: Rows per concept, as in a download of 2024: about as many synonyms, six relationships, a dozen ancestors.
SYNONYMS, RELATIONSHIPS, ANCESTORS = 1, 6, 12


def make(folder: Path, concepts: int) -> None:
    """Write the tab-separated files of a made-up download."""
    folder.mkdir(parents=True)
    made = duckdb.connect()
    made.execute("SET memory_limit = '4GB'")
    write = "(FORMAT csv, DELIMITER '\t', HEADER true, QUOTE '', ESCAPE '')"
    dates = "'19700101' AS valid_start_date, '20991231' AS valid_end_date"
    made.execute(
        "COPY (SELECT i AS concept_id, 'Disorder ' || md5(i::VARCHAR)[:8] || ' of \"site\" ' || (i % 9973) "
        "AS concept_name, 'Observation' AS domain_id, 'Made up' AS vocabulary_id, 'Finding' AS concept_class_id, "
        f"'S' AS standard_concept, 'M' || i AS concept_code, {dates}, "
        "CASE WHEN i % 20 = 0 THEN 'D' ELSE '' END AS invalid_reason "
        f"FROM range(1, {concepts + 1}) t(i)) TO '{folder}/CONCEPT.csv' {write}"
    )
    made.execute(
        f"COPY (SELECT i AS concept_id, 'also ' || md5((i * 7)::VARCHAR)[:12] AS concept_synonym_name, 4180186 AS "
        f"language_concept_id FROM range(1, {concepts * SYNONYMS + 1}) t(i)) TO '{folder}/CONCEPT_SYNONYM.csv' {write}"
    )
    kinds = "['Is a', 'Subsumes', 'Maps to', 'Mapped from', 'Has finding site', 'Finding site of'][1 + n]"
    made.execute(
        f"COPY (SELECT 1 + hash(i) % {concepts} AS concept_id_1, 1 + (hash(i) % {concepts}) // 2 AS concept_id_2, "
        f"{kinds} AS relationship_id, {dates}, '' AS invalid_reason FROM range(1, {concepts + 1}) t(i), "
        f"range(0, {RELATIONSHIPS}) r(n)) TO '{folder}/CONCEPT_RELATIONSHIP.csv' {write}"
    )
    made.execute(
        f"COPY (SELECT (i >> n)::BIGINT AS ancestor_concept_id, i AS descendant_concept_id, n AS "
        f"min_levels_of_separation, n AS max_levels_of_separation FROM range(1, {concepts + 1}) t(i), "
        f"range(0, {ANCESTORS}) r(n) WHERE (i >> n) > 0) TO '{folder}/CONCEPT_ANCESTOR.csv' {write}"
    )


def run(code: str, *arguments: str) -> tuple[float, float]:
    """Run Python code in a process of its own; return its seconds and its peak memory in GB."""
    tail = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code + tail, *arguments], capture_output=True, text=True, check=True)
    return time.perf_counter() - start, int(done.stdout.split()[-1]) / 2**20


HEAD = "import sys; from pathlib import Path; from haemony.ontology.athena import Athena\n"
STEPS = {
    "bare COPY to Parquet, unsorted": (
        "import sys, duckdb\nfor t in ('CONCEPT', 'CONCEPT_SYNONYM', 'CONCEPT_RELATIONSHIP', 'CONCEPT_ANCESTOR'):\n"
        "    duckdb.sql(f\"COPY (SELECT * FROM read_csv('{sys.argv[1]}/{t}.csv', delim='\\t', quote='', "
        "all_varchar=true, header=true)) TO '{sys.argv[2]}-{t}.parquet' (FORMAT parquet)\")"
    ),
    "import": (
        "import sys; from pathlib import Path\nfrom haemony.ontology.athena_import import import_athena\n"
        "import_athena(Path(sys.argv[1]), Path(sys.argv[2]))"
    ),
    "search": HEAD + "from haemony.ontology.vocabulary import read_vocabulary\n"
    "read_vocabulary().search_all(Athena(Path(sys.argv[2])), 'disorder 77')",
    "look up 1,000 CURIEs": HEAD + "from haemony.ontology.vocabulary import read_vocabulary\n"
    "read_vocabulary().joined(Athena(Path(sys.argv[2])), [f'OMOP:{i * 997}' for i in range(1, 501)] + "
    "[f'Made_up:M{i * 991}' for i in range(1, 501)])",
}


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--concepts", type=int, default=100_000)
    options.add_argument("--repeat", type=int, default=1)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "athena", Path(folder) / "vocabulary"
        make(source, given.concepts)
        size = sum(path.stat().st_size for path in source.iterdir()) / 2**30
        print(f"{given.concepts:,} concepts, {size:.1f} GB of text, medians of {given.repeat}\n")
        print("| step | seconds | peak GB |\n| --- | --- | --- |")
        for name, code in STEPS.items():
            runs = [run(code, str(source), str(target)) for _ in range(given.repeat)]
            seconds, memory = (statistics.median(column) for column in zip(*runs, strict=True))
            print(f"| {name} | {seconds:.1f} | {memory:.2f} |", flush=True)


if __name__ == "__main__":
    main()
