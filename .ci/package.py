"""Check the package as others install it: sdist, the wheel from it, and the command in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Files that code reads at run time, one of each kind.
DATA = (
    "ontology/haemony.ttl",
    "ontology/shapes/record.ttl",
    "ontology/concepts/CONCEPT.csv",
    "api/queries/comutations.cypher",
    "mappings/partners/demo_aml/partner.yaml",
    "py.typed",
)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command outside the checkout and return what it printed; stop where it fails."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Build, install and try."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder / "sdist", cwd=ROOT)
        [sdist] = (folder / "sdist").glob("*.tar.gz")
        with tarfile.open(sdist) as archive:
            archive.extractall(folder / "source", filter="data")
        [source] = (folder / "source").iterdir()
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "wheel", cwd=source)
        [wheel] = (folder / "wheel").glob("*.whl")
        venv.create(folder / "env", with_pip=True)
        python = folder / "env" / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
        site = Path(run(python, "-c", "import haemony; print(haemony.__path__[0])", cwd=folder).strip())
        if ROOT in site.parents:
            sys.exit(f"the checkout itself was imported: {site}")
        if missing := [file for file in DATA if not (site / file).is_file()]:
            sys.exit(f"not in the wheel: {', '.join(missing)}")
        if strangers := [room for room in ("tests", "api", "docs", "benchmarks") if (site.parent / room).exists()]:
            sys.exit(f"installed at the top, where they do not belong: {', '.join(strangers)}")
        command = folder / "env" / "bin" / "haemony"
        version = run(command, "--version", cwd=folder).strip()
        for arguments in (("schema",), ("check",), ("queries", "list"), ("vocabulary", "search", "NPM1")):
            run(command, *arguments, cwd=folder)
        sys.stdout.write(f"{wheel.name} from {sdist.name}: installs, and {version} runs outside the checkout.\n")


if __name__ == "__main__":
    main()
