"""Archives: a delivered file may stand compressed; it is read from there, and nothing is extracted under its name."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from haemony.engine.errors import Problem

GZIP, ZIP = ".gz", ".zip"
#: Folders that some systems add to an archive: they hold no delivery.
HIDDEN: Final = ("__MACOSX/", ".")
ENCRYPTED = 0x1
#: What a damaged archive makes its library raise.
ARCHIVE_FAULTS: Final = (
    *(EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile, struct.error),
    *(NotImplementedError, OverflowError),
)


class UnreadableError(Exception):
    """What a file shows to be wrong with it, and what to do; the door that reads it knows the file's name."""

    def __init__(self, message: str, advice: str = "", *, row: int | None = None, column: str = "") -> None:
        super().__init__(message)
        self.message, self.advice, self.row, self.column = message, advice, row, column

    def of(self, file: str) -> Problem:
        """Return the problem of the named file."""
        return Problem(file, self.row, self.column, self.message, self.advice)


def is_archive(path: Path) -> bool:
    """Tell whether a file stands compressed."""
    return path.suffix.lower() in (GZIP, ZIP)


def inner_name(path: Path, member: str = "") -> str:
    """Return the name of the file that is read: of the archive's member, or the file's own."""
    if path.suffix.lower() == GZIP:
        return path.name[: -len(GZIP)]
    return _member(path, member).filename if path.suffix.lower() == ZIP else path.name


def members(path: Path) -> list[str]:
    """Return the names of the files in a zip archive."""
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return [name for name in names if not name.startswith(HIDDEN)]


def _member(path: Path, member: str) -> zipfile.ZipInfo:
    names = members(path)
    if not names:
        raise UnreadableError("the archive is empty.", "Deliver it again.")
    if member not in names and (member or len(names) > 1):
        found = f"there is no {member!r} in the archive" if member else "the archive holds several files"
        advice = f"Name one as `member` in partner.yaml: {', '.join(names)}."
        raise UnreadableError(f"{found}.", advice)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(member or names[0])
    if info.flag_bits & ENCRYPTED:
        raise UnreadableError("the archive is protected by a password.", "Deliver it without, or unpack it first.")
    return info


@contextmanager
def open_bytes(path: Path, member: str = "") -> Iterator[IO[bytes]]:
    """Open a file for reading, through its archive where it stands in one."""
    if path.suffix.lower() == GZIP:
        with gzip.open(path) as file:
            yield cast(IO[bytes], file)
    elif path.suffix.lower() == ZIP:
        with zipfile.ZipFile(path) as archive, archive.open(_member(path, member)) as file:
            yield file
    else:
        with path.open("rb") as file:
            yield file


@contextmanager
def plain_file(path: Path, member: str = "", folder: Path | None = None) -> Iterator[Path]:
    """Give the path of an uncompressed file: its own, or that of a private copy, removed afterwards."""
    if not is_archive(path):
        yield path
        return
    with tempfile.TemporaryDirectory(dir=folder) as private:
        copy = Path(private) / f"delivered{Path(inner_name(path, member)).suffix}"
        with open_bytes(path, member) as source, private_file(copy) as target:
            shutil.copyfileobj(source, target)
        yield copy


def private_file(path: Path) -> IO[bytes]:
    """Open a new file that its owner alone can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
