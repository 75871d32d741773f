"""Reading the sources' metadata files and folders, with messages that say which file is wrong and what to do."""

import os
from pathlib import Path, PurePosixPath

import pandas as pd

from lib.data.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".dcm", ".dicom")


def read_table(path: Path, columns: tuple[str, ...], encoding: str = "utf-8") -> pd.DataFrame:
    """A metadata file (CSV or xlsx) as text, with the line number of each row in column `_row`.

    Args:
        path: the file.
        columns: columns that must be there; spaces around names and their case are forgiven.
        encoding: tried first for CSV; ISO-8859-1, which reads any bytes, otherwise.

    Raises:
        DataError: missing, empty or unreadable file, or a missing column.
    """
    remedy = "unpack the source again and leave its metadata as they are"
    if not path.is_file():
        raise DataError(f"{path}: no such file; {remedy}")
    try:
        table = _read_excel(path) if path.suffix == ".xlsx" else _read_csv(path, encoding)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty; {remedy}") from None
    except (pd.errors.ParserError, ValueError, KeyError, OSError, SyntaxError) as error:
        raise DataError(f"{path}: not readable as a table ({' '.join(str(error).split())}); {remedy}") from None
    names = {str(name).strip().lower(): name for name in table.columns}
    missing = [column for column in columns if column.lower() not in names]
    if missing:
        found = ", ".join(map(str, table.columns)) or "none"
        raise DataError(f"{path}: column {', '.join(missing)} is missing; found: {found}; {remedy}")
    table = table.rename(columns={names[column.lower()]: column for column in columns})
    table["_row"] = range(2, len(table) + 2)
    return table


def _read_csv(path: Path, encoding: str) -> pd.DataFrame:
    options = {"dtype": str, "keep_default_na": False}
    try:
        return pd.read_csv(path, encoding=encoding, **options)
    except UnicodeDecodeError:
        return pd.read_csv(path, encoding="latin-1", **options)


def _read_excel(path: Path) -> pd.DataFrame:
    import zipfile

    try:
        return pd.read_excel(path, dtype=str, keep_default_na=False, engine="openpyxl")
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from None


class ImageFolder:
    """The files of one folder, found by name without regard to case (sources disagree with themselves about it)."""

    def __init__(self, folder: Path):
        """Lists the folder.

        Raises:
            DataError: there is no such folder.
        """
        if not folder.is_dir():
            beside = (
                ", ".join(sorted(p.name for p in folder.parent.iterdir())[:8]) if folder.parent.is_dir() else "none"
            )
            raise DataError(f"{folder}: no such folder; found beside it: {beside}; unpack the source again")
        self.folder = folder
        with os.scandir(folder) as entries:
            self.names = {entry.name.lower(): entry.name for entry in entries if not entry.name.startswith(".")}
        self._asked: set[str] = set()

    def find(self, name: str) -> Path | None:
        """The path of a file, or None if the folder has none of that name."""
        self._asked.add(name.lower())
        actual = self.names.get(name.lower())
        return self.folder / actual if actual else None

    def unlisted(self) -> int:
        """How many image files were never asked for."""
        return sum(name not in self._asked and PurePosixPath(name).suffix in IMAGE_SUFFIXES for name in self.names)


def is_plain_name(name: str) -> bool:
    """True for a file name that stays in its folder: no path, no drive, not hidden, not empty."""
    name = name.strip()
    return bool(name) and not name.startswith(".") and not any(sign in name for sign in ("/", "\\", ":", "\0"))
