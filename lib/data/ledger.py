"""The ledger of a dataset: every metadata row ends among the kept images or, with its reason, among the excluded.

Nothing else in the project decides what is left out, so the counts of a source always add up:
rows read = rows kept + rows excluded.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from lib.data.errors import DataError

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
        unlisted: image files a source, found on disk, that no metadata row names.
    """

    root: Path
    read: Counter = field(default_factory=Counter)
    unlisted: Counter = field(default_factory=Counter)
    _kept: list[dict[str, Any]] = field(default_factory=list)
    _excluded: list[dict[str, Any]] = field(default_factory=list)
    _by_file: dict[str, int] = field(default_factory=dict)

    def relative(self, path: Path) -> str:
        """The path below the data folder, with forward slashes on every system."""
        return PurePosixPath(path.relative_to(self.root)).as_posix()

    def exclude(self, file: str, source: str, reason: str, detail: str = "", row: int = 0) -> None:
        """Closes a metadata row: it is left out for `reason`.

        Args:
            file: path below the data folder, or the name that the metadata give if there is no such path.
            source: short name of the source.
            reason: one of this module's constants.
            detail: what exactly was found.
            row: line of the metadata file (the header is line 1); 0 where there is none.
        """
        self.read[source] += 1
        self._excluded.append({"file": file, "source": source, "reason": reason, "detail": detail, "row": row})

    def keep(
        self,
        *,
        file: str,
        source: str,
        image_id: str,
        group_id: str,
        label: str,
        row: int = 0,
        split: str = "",
        **extras: str,
    ) -> None:
        """Closes a metadata row: its image is kept, unless an earlier row names the same file.

        Two rows that give one file different labels contradict each other: both are left out.
        """
        if file in self._by_file:
            first = self._kept[self._by_file[file]]
            if first["label"] == label:
                where = f"; the first row puts it into {first['split']}" if first["split"] else ""
                self.exclude(file, source, REPEATED, f"first named in row {first['_row']}{where}", row)
                return
            both = f"{first['label']} in row {first['_row']}, {label} in row {row}"
            self.exclude(file, source, CONTRADICTION, both, row)
            if not first.get("_closed"):
                first["_closed"] = both
            return
        self.read[source] += 1
        self._by_file[file] = len(self._kept)
        entry = {"image_id": image_id, "group_id": group_id, "source": source, "label": label}
        self._kept.append({**entry, "split": split, "file": file, **extras, "_row": row})

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(kept, excluded), both sorted by file; image ids are made unique.

        Raises:
            DataError: rows were lost or counted twice (a fault of this program, never of the data).
        """
        contradictory = [entry for entry in self._kept if "_closed" in entry]
        kept = [entry for entry in self._kept if "_closed" not in entry]
        moved = [
            {
                "file": entry["file"],
                "source": entry["source"],
                "reason": CONTRADICTION,
                "detail": entry["_closed"],
                "row": entry["_row"],
            }
            for entry in contradictory
        ]
        excluded = pd.DataFrame([*self._excluded, *moved], columns=EXCLUDED_COLUMNS)
        columns = list(dict.fromkeys([*KEPT_COLUMNS, *(name for entry in kept for name in entry)]))
        table = pd.DataFrame(kept, columns=columns).drop(columns="_row", errors="ignore")
        table = _unique_ids(table).sort_values("file", kind="stable", ignore_index=True)
        excluded = excluded.sort_values(["file", "row"], kind="stable", ignore_index=True)
        if len(table) + len(excluded) != sum(self.read.values()):
            raise DataError(f"{sum(self.read.values())} rows read, but {len(table)} kept and {len(excluded)} excluded")
        return table, excluded


def counts(kept: pd.DataFrame, excluded: pd.DataFrame, unlisted: Counter | None = None) -> pd.DataFrame:
    """Rows read, kept and excluded (a column a reason) for each source, with a last row of totals.

    Returns:
        columns: source, rows, kept, then one column a reason that occurs, and unlisted_files.
    """
    table = pd.crosstab(excluded["source"], excluded["reason"]) if len(excluded) else pd.DataFrame()
    unlisted = {source: n for source, n in (unlisted or {}).items() if n}
    table = table.reindex(sorted({*kept["source"], *excluded["source"], *unlisted})).fillna(0).astype(int)
    reasons = list(table.columns)
    table.insert(0, "kept", kept["source"].value_counts().reindex(table.index).fillna(0).astype(int))
    table.insert(0, "rows", table.sum(axis=1))
    table["unlisted_files"] = [int(unlisted.get(source, 0)) for source in table.index]
    table.loc["all"] = table.sum()
    table.columns.name = None
    return table.rename_axis("source").reset_index()[["source", "rows", "kept", *reasons, "unlisted_files"]]


def _unique_ids(table: pd.DataFrame) -> pd.DataFrame:
    """Files that differ only in their suffix or folder get the same id at first; their ids are lengthened here."""
    again = table["image_id"].duplicated(keep=False)
    if again.any():
        table = table.copy()
        suffixes = table["file"].map(lambda file: PurePosixPath(file).suffix.lstrip("."))
        table.loc[again, "image_id"] = table["image_id"][again] + "." + suffixes[again]
        still = table["image_id"].duplicated(keep=False)
        parents = table["file"].map(lambda file: PurePosixPath(file).parent.name)
        table.loc[still, "image_id"] = table["image_id"][still] + "." + parents[still]
    return table
