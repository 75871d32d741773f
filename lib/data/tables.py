"""Reading the sources' metadata files and folders, with messages that say which file is wrong and what to do."""

import os
import zipfile
from pathlib import Path, PurePosixPath

import pandas as pd

from lib.data import DataError

MAX_BYTES = 2**30  # of a table or list, which is read whole
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".dcm", ".dicom")


def read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A metadata file (CSV or xlsx) as text without spaces around, the line number of each row in column `_row`.

    Args:
        path: the file; a CSV that is no UTF-8 is read as ISO-8859-1, which takes any bytes.
        columns: columns that must be there; spaces around names and their case are forgiven.

    Raises:
        DataError: missing, empty or unreadable file, or a missing column.
    """
    remedy = "unpack the source again and leave its metadata as they are"
    check_size(path, remedy)
    as_text = {"dtype": str, "keep_default_na": False}
    try:
        if path.suffix == ".xlsx":
            table = pd.read_excel(path, engine="openpyxl", **as_text)
        else:
            try:
                table = pd.read_csv(path, **as_text)
            except UnicodeDecodeError:
                table = pd.read_csv(path, encoding="latin-1", **as_text)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty; {remedy}") from None
    except (zipfile.BadZipFile, ValueError, KeyError, OSError, SyntaxError) as error:
        raise DataError(f"{path}: not readable as a table ({' '.join(str(error).split())}); {remedy}") from None
    names = {str(name).strip().lower(): name for name in table.columns}
    missing = [column for column in columns if column.lower() not in names]
    if missing:
        found = ", ".join(map(str, table.columns)) or "none"
        raise DataError(f"{path}: column {', '.join(missing)} is missing; found: {found}; {remedy}")
    table = table.rename(columns={names[column.lower()]: column for column in columns})
    table = table.apply(lambda column: column.str.strip())
    table["_row"] = range(2, len(table) + 2)
    return table


def check_size(path: Path, remedy: str) -> None:
    """Refuses a table or list that is no regular file, or too large to be read whole; raises DataError."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; {remedy}")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path}: {path.stat().st_size >> 20:,} MiB, at most {MAX_BYTES >> 20:,} are read; {remedy}")


def names_in(folder: Path) -> str:
    """The first names in a folder, or that there is none, for a message that says what was found."""
    if not folder.is_dir():
        return "no such folder"
    return ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"


class ImageFolder:
    """The files of one folder, found by name without regard to case (sources disagree with themselves about it).

    Some sources spread their images over several folders; those count as one.

    Attributes:
        home: the first folder, where a file is expected that is not found.
        names: lower-case names of all files.
    """

    def __init__(self, *folders: Path):
        """Lists the folders; raises DataError if there is none of them."""
        self.home = folders[0]
        there = [folder for folder in folders if folder.is_dir()]
        if not there:
            beside = f"found beside it: {names_in(self.home.parent)}"
            raise DataError(f"{self.home}: no such folder; {beside}; unpack the source again")
        self._files: list[dict[str, Path]] = []
        for folder in there:
            with os.scandir(folder) as entries:
                listed = {entry.name.lower(): folder / entry.name for entry in entries if entry.name[0] != "."}
            self._files.append(listed)
        self.names = [name for listed in self._files for name in listed]
        self._asked: set[str] = set()

    def find(self, name: str, suffixes: tuple[str, ...] = ("",)) -> Path | None:
        """The path of the first of `name` + suffix that is there; None if none is, or the name leaves its folder."""
        if not is_plain_name(name):
            return None
        wanted = [(name + suffix).lower() for suffix in suffixes]
        self._asked.update(wanted)
        return next((listed[name] for name in wanted for listed in self._files if name in listed), None)

    def unlisted(self) -> int:
        """How many image files were never asked for."""
        return sum(name not in self._asked and PurePosixPath(name).suffix in IMAGE_SUFFIXES for name in self.names)


def is_plain_name(name: str) -> bool:
    """True for a file name that stays in its folder: no path, no drive, not hidden, not empty."""
    name = name.strip()
    return bool(name) and not name.startswith(".") and not any(sign in name for sign in ("/", "\\", ":", "\0"))
