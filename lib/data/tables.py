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
    as_csv = as_text | {"index_col": False}  # a comma at the end of each line makes no column an index
    try:
        if path.suffix == ".xlsx":
            table = pd.read_excel(path, engine="openpyxl", **as_text)
        else:
            try:
                table = pd.read_csv(path, **as_csv)
            except UnicodeDecodeError:
                table = pd.read_csv(path, encoding="latin-1", **as_csv)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty; {remedy}") from None
    except (zipfile.BadZipFile, ValueError, KeyError, OSError, SyntaxError) as error:
        raise DataError(f"{path}: not readable as a table ({' '.join(str(error).split())}); {remedy}") from None
    folded = [str(name).strip().lower() for name in table.columns]
    names = dict(zip(folded, table.columns, strict=True))
    missing = [column for column in columns if column.lower() not in names]
    if missing:
        found = ", ".join(map(str, table.columns)) or "none"
        raise DataError(f"{path}: column {', '.join(missing)} is missing; found: {found}; {remedy}")
    twice = [column.lower() for column in columns if folded.count(column.lower()) > 1]
    if twice:
        alike = ", ".join(str(name) for name, low in zip(table.columns, folded, strict=True) if low in twice)
        raise DataError(f"{path}: found columns that differ only in case ({alike}), expected one; {remedy}")
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
    """The files of one folder, found by name, or without regard to case (sources disagree with themselves about it).

    Some sources spread their images over several folders; those count as one.

    Attributes:
        home: the first folder, where a file is expected that is not found.
        names: lower-case names of all files, of files that differ only in case several times.
    """

    def __init__(self, *folders: Path):
        """Lists the folders; raises DataError if there is none of them."""
        self.home = folders[0]
        there = [folder for folder in folders if folder.is_dir()]
        if not there:
            beside = f"found beside it: {names_in(self.home.parent)}"
            raise DataError(f"{self.home}: no such folder; {beside}; unpack the source again")
        self._files: list[dict[str, list[Path]]] = []  # of each folder, by lower-case name
        for folder in there:
            listed: dict[str, list[Path]] = {}
            for name in sorted(os.listdir(folder)):
                if name[0] != ".":
                    listed.setdefault(name.lower(), []).append(folder / name)
            self._files.append(listed)
        self.names = [name for listed in self._files for name, paths in listed.items() for _ in paths]
        self._asked: set[str] = set()

    def find(self, name: str, suffixes: tuple[str, ...] = ("",)) -> list[Path]:
        """The path of the first of `name` + suffix that is there; none if none is, or the name leaves its folder.

        They are several where none has that very name, and several in one folder differ from it only in case.
        """
        if not is_plain_name(name):
            return []
        wanted = [name + suffix for suffix in suffixes]
        self._asked.update(one.lower() for one in wanted)
        for one in wanted:
            folded = [listed[one.lower()] for listed in self._files if one.lower() in listed]
            if folded:
                exact = [path for paths in folded for path in paths if path.name == one]
                return exact[:1] or folded[0]
        return []

    def unlisted(self) -> int:
        """How many image files were never asked for."""
        return sum(name not in self._asked and PurePosixPath(name).suffix in IMAGE_SUFFIXES for name in self.names)


def is_plain_name(name: str) -> bool:
    """True for a file name that stays in its folder: no path, no drive, not hidden, not empty."""
    name = name.strip()
    return bool(name) and not name.startswith(".") and not any(sign in name for sign in ("/", "\\", ":", "\0"))
