"""Spark: Ibis over Spark SQL, for more than one machine holds. Delivered files land on DuckDB all the same."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import ibis
import pyarrow.parquet as pq
import sqlglot

from haemony.engine.errors import EngineError
from haemony.engine.on_duckdb import DuckDBSession
from haemony.engine.session import Session, Table, as_planned

#: The oldest Java that Spark 4 runs on: https://spark.apache.org/docs/4.0.0/
JAVA: Final = 17

SHUFFLES: Final = "spark.sql.shuffle.partitions"
#: What plans rely on, whatever a site's own configuration says.
NEEDED: Final = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",  # as names are compared here
    "spark.sql.session.timeZone": "UTC",
    # A product keeps all its decimal places, as DuckDB's does; else Spark rounds twice.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.parser.escapedStringLiterals": "false",  # Ibis escapes for this
    "spark.sql.parquet.compression.codec": "snappy",
}
#: What Spark is started with. Its log is off because errors in it repeat values; they come back as exceptions.
STARTED_WITH: Final = {
    "spark.app.name": "haemony",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",
}
#: The folder of a site's own ``spark-defaults.conf``; without one, Spark opens no port for its pages and says nothing.
SITE: Final = "SPARK_CONF_DIR"


class SparkSession(Session):
    """A session that runs plans on Spark: on this machine's cores, or where ``master`` says.

    One Spark serves all sessions of a process. A stage is a folder of Parquet files, one a task.
    """

    def __init__(self, folder: Path, *, memory: str | None = None, master: str | None = None) -> None:
        super().__init__(folder.resolve())
        self._spark = _spark(memory, master).newSession()
        for key, value in NEEDED.items():
            self._spark.conf.set(key, value)
        context = self._spark.sparkContext
        if context.master.startswith("local") and not context.getConf().contains(SHUFFLES):
            self._spark.conf.set(SHUFFLES, context.defaultParallelism)
        self.connection = ibis.pyspark.connect(self._spark)
        self._views: list[str] = []
        self._open = True

    def close(self) -> None:
        """Forget the tables of this session; Spark itself stays up for the next one, until the process ends."""
        for view in self._views:
            self._spark.catalog.dropTempView(view)
        self._views.clear()
        self._open = False

    @contextmanager
    def landing(self) -> Iterator[DuckDBSession]:
        """Open a session of DuckDB in a folder below this one's."""
        with DuckDBSession(self.folder / "landing") as session:
            yield session

    def take(self, table: Table, landing: DuckDBSession) -> Table:
        """Return a landed table, over a Parquet file that both engines can read."""
        path = self._fresh("landed")
        landing.write(table, path)
        return as_planned(self.read(path), table.schema())

    def lay(self, table: Table, name: str) -> Table:
        """Run a plan, lay the result down as the folder ``name.parquet``, and read it back.

        A count or a length is narrower on Spark than the plan says; it comes back in the type that the plan has.
        """
        path = self._fresh(name)
        frame = self._frame(table)
        frame.write.parquet(str(path))
        return as_planned(self._view(path, frame.schema), table.schema())

    def write(self, table: Table, path: Path) -> None:
        """Run a plan and write the result to one Parquet file."""
        parts = path.with_name(f".{path.name}.{uuid4().hex[:6]}").resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._frame(table).write.parquet(str(parts))
        _gather(sorted(parts.glob("part-*.parquet")), path)
        shutil.rmtree(parts)

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """Run a plan and return its rows; for small results only."""
        return [tuple(row) for row in self._frame(table).collect()]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query in SQL."""
        return [tuple(row) for row in self._spark.sql(_translated(query)).collect()]

    def keep(self, name: str, query: str) -> None:
        """Keep what a query in SQL finds as a table of the session."""
        path = self._fresh(name)
        self._spark.sql(_translated(query)).write.parquet(str(path))
        self.keep_file(name, path)

    def keep_file(self, name: str, path: Path, first: int | None = None) -> None:
        """Name a Parquet file as a table of the session; with ``first``, its rows are numbered from there, as ``n``."""
        frame = self._spark.read.parquet(str(path.resolve()))
        if first is not None:
            # One file at a time and in order: numbers must not change from one reading to the next.
            frame = frame.coalesce(1).selectExpr("*", f"monotonically_increasing_id() + {first} AS n")
        frame.createOrReplaceTempView(name)
        self._views.append(name)

    def _frame(self, table: Table) -> Any:
        if not self._open:
            raise EngineError("this session is closed.")
        return self._spark.sql(self.connection.compile(table))

    def _scan(self, path: Path | str) -> Table:
        from ibis.backends.pyspark.datatypes import PySparkSchema

        file = Path(path).resolve()
        first = next(iter(sorted(file.glob("*.parquet"))), file) if file.is_dir() else file
        # Read here, the schema costs no job of Spark's.
        return self._view(file, PySparkSchema.from_ibis(ibis.Schema.from_pyarrow(pq.read_schema(first))))

    def _view(self, path: Path, schema: Any) -> Table:
        name = f"haemony_{len(self._views)}"
        self._spark.read.schema(schema).parquet(str(path)).createOrReplaceTempView(name)
        self._views.append(name)
        return self.connection.table(name)


def _translated(query: str) -> str:
    return sqlglot.transpile(query, read="duckdb", write="spark")[0]


def _gather(parts: list[Path], path: Path) -> None:
    """Make one file of the parts of a table, in their order."""
    if len(parts) == 1:
        os.replace(parts[0], path)
        return
    draft = path.with_name(f".{path.name}.draft")
    with pq.ParquetWriter(draft, pq.read_schema(parts[0])) as out:
        for part in parts:
            for batch in pq.ParquetFile(part).iter_batches():
                out.write_batch(batch)
    os.replace(draft, path)


def _spark(memory: str | None, master: str | None) -> Any:
    """Return the Spark of this process; start it if there is none. Raises ``EngineError`` where it cannot start."""
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession as Spark
    except ImportError:
        raise EngineError("the engine spark is not installed: pip install 'haemony[spark]'.") from None
    if already := running():
        return already
    _check_java()
    builder = Spark.builder
    for key, value in STARTED_WITH.items():
        builder = builder.config(key, value)
    if memory:
        builder = builder.config("spark.driver.memory", java_memory(memory))
    if master:
        builder = builder.master(master)
    silent = SITE not in os.environ
    if silent:
        builder = builder.config("spark.ui.enabled", "false")
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # they would print values
    try:
        with _quiet() if silent else nullcontext():
            return builder.getOrCreate()
    except (PySparkException, OSError) as error:
        message = f"Spark does not start ({type(error).__name__}). Check HAEMONY_SPARK_MASTER and Java."
        raise EngineError(message) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Start processes whose error output nobody sees: Java greets with a page of warnings."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def running() -> Any:
    """Return the Spark that this process runs already, or None."""
    from pyspark.sql import SparkSession as Spark

    return Spark.getActiveSession()


def _check_java() -> None:
    """Raise ``EngineError`` where there is no Java that Spark can run on."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    said = ""
    if java:
        with suppress(OSError):
            said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr  # noqa: S603
    version = java_version(said)
    if version is None or version < JAVA:
        found = f"found Java {version}" if version else "found none"
        raise EngineError(f"Spark needs Java {JAVA} or newer, and {found}. Install one, or set JAVA_HOME.")


def java_version(said: str) -> int | None:
    """Return the version that ``java -version`` names.

    >>> java_version('openjdk version "17.0.15" 2025-04-15'), java_version('java version "1.8.0_392"'), java_version("")
    (17, 8, None)
    """
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else None


def java_memory(size: str) -> str:
    """Return a size such as ``4GB`` as Java wants it.

    >>> java_memory("4GB"), java_memory("1.5 GiB")
    ('4096m', '1536m')
    """
    units = {"M": 1, "G": 1024, "T": 1024 * 1024}
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([MGT])I?B?\s*", size.upper())
    if not found:
        raise EngineError(f"the memory {size!r} is no size such as 4GB.")
    return f"{int(float(found[1]) * units[found[2]])}m"
