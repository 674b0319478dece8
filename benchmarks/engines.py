"""Build the same deliveries on DuckDB and on Spark: seconds, memory, and whether every row is the same.

    python benchmarks/engines.py                                        # the demo partners, 1,000 patients
    python benchmarks/engines.py --patients 1000 20000 --partners demo_mds
    python benchmarks/engines.py --data DIR --partners amlsg            # any partner whose delivery is there

Measured is what an engine does: from reading the files to records, sources and ledger. Validation and the graph are the
same on both, and left out. Each run is a process of its own, so starting Spark counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from haemony.demo.generate import CENTRES, generate
from haemony.engine.session import ENGINES, open_session
from haemony.graph_loader.compare import differing

SECRET = "a secret of the benchmarks alone, of no worth"


def harmonise(partner: str, data: Path, engine: str, out: Path) -> None:
    """Harmonise one delivery on one engine, write what came of it, and print what it took as JSON."""
    import pyarrow as pa

    from haemony.graph_loader.harmonise import account, harmonise
    from haemony.mappings.partner import find_partners, read_partner
    from haemony.ontology.schema import read_schema
    from haemony.ontology.vocabulary import read_vocabulary

    vocabulary, schema = read_vocabulary(), read_schema()
    mapped = read_partner(find_partners(None)[partner], vocabulary, schema)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=out.parent) as work, open_session(Path(work), engine) as session:  # type: ignore[arg-type]
        result = harmonise(session, schema, vocabulary, mapped, data, SECRET)
        none = session.table("none", {"id": pa.string(), "reason": pa.string()}, [])
        ledger, fates = account(session, result, none, 1.0)
        tables = {**result.records, "sources": result.sources, "tested": result.tested, "panels": result.panels}
        for name, table in {**tables, "ledger": ledger, "fates": fates}.items():
            session.write(table, out / f"{name}.parquet")
        wall = time.perf_counter() - started
        children = [child for child in map(_stat, Path("/proc").glob("[0-9]*/stat")) if child[0] == os.getpid()]
        own = time.process_time()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2 + sum(c[2] for c in children)
        print(json.dumps({"wall": wall, "cpu": own + sum(c[1] for c in children), "memory": memory}))


def _stat(file: Path) -> tuple[int, float, float]:
    """Return a process's parent, its CPU seconds and its peak memory in GB."""
    try:
        fields = file.read_text().rpartition(")")[2].split()
        peak = next((x for x in (file.parent / "status").read_text().splitlines() if x.startswith("VmHWM")), "0 0")
    except OSError:
        return 0, 0.0, 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / ticks, int(peak.split()[1]) / 1024**2


def measure(partner: str, data: Path, engine: str, out: Path) -> dict[str, Any]:
    out.mkdir(parents=True)
    command = [sys.executable, __file__, "--one", partner, "--data", str(data), "--engines", engine, "--out", str(out)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(partner: str, data: Path, engines: list[str], about: str, home: Path) -> bool:
    folders = []
    for engine in engines:
        folders.append(home / f"{about}-{partner}" / engine)
        took = measure(partner, data, engine, folders[-1])
        figures = f"{took['wall']:8.1f} {took['cpu']:8.1f} {took['memory']:8.2f}"
        print(f"{partner:12} {about:>8} {engine:8} {figures}", end="  ", flush=True)
        different = differing(folders[0], folders[-1]) if len(folders) > 1 else []
        print("" if len(folders) == 1 else "every row equal" if not different else "DIFFERS", flush=True)
        for line in different:
            print(f"    {line}")
            return False
    return True


def main() -> int:
    """Run what the arguments ask for; fail where engines disagree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="+", default=[1_000])
    parser.add_argument("--partners", nargs="+", default=list(CENTRES))
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        harmonise(given.one, given.data, given.engines[0], given.out)
        return 0
    print(f"{'partner':12} {'patients':>8} {'engine':8} {'wall s':>8} {'CPU s':>8} {'peak GB':>8}")
    agree = True
    with tempfile.TemporaryDirectory() as home:
        deliveries = {"as is": given.data} if given.data else {}
        for patients in () if given.data else given.patients:
            deliveries[f"{patients:,}"] = Path(home) / f"data-{patients}"
            for partner in given.partners:
                generate(deliveries[f"{patients:,}"], patients, 1, [partner])
        for about, data in deliveries.items():
            for partner in given.partners:
                agree &= compare(partner, data, given.engines, about, Path(home))
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
