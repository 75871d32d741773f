"""The ledger of a dataset: every metadata row ends among the kept images or, with its reason, among the excluded.

Nothing else in the project decides what is left out, so the counts of a source always add up:
rows read = rows kept + rows excluded.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from lib.data import DataError
from lib.data.tables import ImageFolder

KEPT_COLUMNS = ("image_id", "group_id", "source", "label", "split", "file")
EXCLUDED_COLUMNS = ("file", "source", "reason", "detail", "row")

VIEW = "view"
FINDING = "finding"
BAD_ID = "bad id"
BAD_NAME = "bad file name"
KNOWN_BAD = "known bad image"
ELSEWHERE = "same image in another source"
REPEATED = "repeated row"
CONTRADICTION = "listed with several labels"
MISSING = "missing file"
UNREADABLE = "unreadable"
DUPLICATE = "duplicate across splits"


@dataclass
class Ledger:
    """Collects what becomes of each metadata row.

    Attributes:
        root: the data folder; `file` entries are relative to it.
        read: rows read, by source.
        unlisted: image files a source, found on disk, that no metadata row names.
        left_out: what readers told of each row that they left out: file, source, reason, detail, group_id, label, ...
    """

    root: Path
    read: Counter = field(default_factory=Counter)
    unlisted: Counter = field(default_factory=Counter)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    _kept: dict[str, dict[str, Any]] = field(default_factory=dict)  # by file
    _excluded: list[tuple] = field(default_factory=list)
    _contradicted: dict[str, str] = field(default_factory=dict)  # file -> detail

    def close(
        self,
        images: ImageFolder,
        name: str,
        suffixes: tuple[str, ...] = ("",),
        *,
        source: str,
        row: int,
        unless: Iterable[tuple[bool, str, str | None]],
        missing: str = "",
        image_id: str = "",
        **entry: str | None,
    ) -> None:
        """Closes a metadata row: its image is kept, unless a reason holds, or not one file can be meant.

        Args:
            images: where the file must be.
            name: the file's name without the suffixes.
            suffixes: of the names to look for, in order.
            source: short name of the source.
            row: line of the metadata file (the header is line 1).
            unless: (holds, reason, detail); the first that holds is the row's.
            missing: detail where no file is found.
            image_id: without it, source and file name.
            entry: group_id, label, split of a ready-made list, and what else the metadata tell.
        """
        found = images.find(name, suffixes)
        unfound = images.home / (PurePosixPath(name or "unnamed").name + suffixes[0])
        path = found[0] if found else unfound
        file = path.relative_to(self.root).as_posix()
        several = f"in another case there are {' and '.join(one.name for one in found)}"
        reasons = (*unless, (not found, MISSING, missing), (len(found) > 1, BAD_NAME, several))
        why = next(((reason, detail) for holds, reason, detail in reasons if holds), None)
        if why is None:
            ids = {"image_id": image_id or f"{source}-{path.stem}", "source": source, "split": "", "file": file}
            why = self._keep(ids | entry | {"_row": row})
        if why is None:
            self.read[source] += 1
        else:
            self.exclude(file, source, *why, row)
            self.left_out.append({"file": file, "source": source, "reason": why[0], "detail": why[1]} | entry)

    def _keep(self, entry: dict[str, Any]) -> tuple[str, str] | None:
        """Keeps an image unless an earlier row names its file; then the reason why not.

        Two rows that give one file different labels contradict each other: both are left out.
        """
        first = self._kept.setdefault(entry["file"], entry)
        if first is entry:
            return None
        if first["label"] == entry["label"]:
            where = f"; the first row puts it into {first['split']}" if first["split"] else ""
            return REPEATED, f"first named in row {first['_row']}{where}"
        both = f"{first['label']} in row {first['_row']}, {entry['label']} in row {entry['_row']}"
        self._contradicted.setdefault(entry["file"], both)
        return CONTRADICTION, both

    def exclude(self, file: str, source: str, reason: str, detail: str | None, row: int) -> None:
        """Closes a metadata row: it is left out for `reason`, one of this module's constants."""
        self.read[source] += 1
        self._excluded.append((file, source, reason, detail, row))

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(kept, excluded), both sorted by file; image ids are made unique.

        Raises:
            DataError: rows were lost or counted twice (a fault of this program, never of the data).
        """
        kept = [entry for file, entry in self._kept.items() if file not in self._contradicted]
        first = [(file, self._kept[file], detail) for file, detail in self._contradicted.items()]
        moved = [(file, entry["source"], CONTRADICTION, detail, entry["_row"]) for file, entry, detail in first]
        excluded = pd.DataFrame([*self._excluded, *moved], columns=EXCLUDED_COLUMNS)
        columns = list(dict.fromkeys([*KEPT_COLUMNS, *(name for entry in kept for name in entry if name != "_row")]))
        table = _unique_ids(pd.DataFrame(kept, columns=columns)).sort_values("file", kind="stable", ignore_index=True)
        if len(table) + len(excluded) != self.read.total():
            raise DataError(f"{self.read.total()} rows read, but {len(table)} kept and {len(excluded)} excluded")
        return table, excluded.sort_values(["file", "row"], kind="stable", ignore_index=True)


def balance(kept: pd.DataFrame, excluded: pd.DataFrame, unlisted: Counter) -> pd.DataFrame:
    """Rows read, kept and excluded for each source, with a last row of totals.

    Returns:
        columns: source, rows, kept, then one column a reason that occurs, and unlisted_files.
    """
    reasons = pd.crosstab(excluded["source"], excluded["reason"]) if len(excluded) else pd.DataFrame()
    sources = sorted({*kept["source"], *reasons.index, *(+unlisted)})
    table = reasons.reindex(sources).fillna(0).astype(int)
    table.insert(0, "kept", kept["source"].value_counts().reindex(sources).fillna(0).astype(int))
    table.insert(0, "rows", table.sum(axis=1))
    table["unlisted_files"] = [unlisted[source] for source in sources]
    table.loc["all"] = table.sum()
    table.columns.name = None
    return table.rename_axis("source").reset_index()


def _unique_ids(table: pd.DataFrame) -> pd.DataFrame:
    """Files that differ only in their suffix or folder get the same id at first; their ids are lengthened here."""
    table = table.copy()
    paths = table["file"].map(PurePosixPath)
    for told in (paths.map(lambda path: path.suffix.lstrip(".")), paths.map(lambda path: path.parent.name)):
        again = table["image_id"].duplicated(keep=False)
        table.loc[again, "image_id"] += "." + told[again]
    return table
