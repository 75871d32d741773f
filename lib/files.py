"""Files that are never half-written: everything goes to a temporary name beside the target and is then renamed.

What a run makes carries a checksum, so that what is damaged later is found before it is used.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.paths import RESERVED, ROOT, show

if TYPE_CHECKING:  # half a second in every process that executes a notebook
    import numpy as np
    import pandas as pd

SUMS = ".sums"
"""Folder of a run's checksums: its files lie as what they stand for, each "SHA-256 step"."""

STEP = "COMPANION_STEP"
"""Environment variable that names the step (an executed notebook, or the report) which writes files."""


class Damaged(RuntimeError):
    """A file whose bytes are not those that a run wrote; the message names it and the remedy."""


@contextmanager
def replacing(target: Path, *, sealed: bool = True) -> Iterator[Path]:
    """Gives a temporary path in the target's folder and renames it to `target` if the block succeeds.

    The temporary name keeps the target's suffix, since several writers choose their format by it.

    Args:
        target: the file.
        sealed: whether its checksum is kept, if a run makes it (`seal`); not for files that grow afterwards.

    Raises:
        OSError: the disk is full, or may not be written to; names the target and what is free.
    """
    target = Path(target)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=f".part{target.suffix}")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)
        record = seal_of(target) if sealed else None
        digest = sha256(temporary) if record else ""
        os.replace(temporary, target)
        if record:
            _keep(record, digest)
    except Exception as error:  # libraries report a full disk in many ways
        free = _free(target)
        if free < 2**20 or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            why = f"{getattr(error, 'strerror', None) or type(error).__name__}; {free / 1e6:.1f} MB free: make room"
            raise OSError(errno.ENOSPC, why, str(target)) from error
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise OSError(error.errno, f"{os.strerror(error.errno)}: make its folder writable", str(target)) from error
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _free(target: Path) -> int:
    """Bytes that are free where the target goes, in the nearest folder that exists."""
    folder = next(folder for folder in target.absolute().parents if folder.is_dir())
    return shutil.disk_usage(folder).free


def seal_of(target: Path) -> Path | None:
    """Where the checksum of a run's file is kept: in `.sums` of the run's folder; None for files that no run makes.

    Phantoms, and the activations that runs share, have checksums of their own.
    """
    target = Path(os.path.abspath(target))
    parts = target.relative_to(ROOT).parts if target.is_relative_to(ROOT) else ()
    if len(parts) < 3 or parts[0] not in ("results", "figures", "data") or parts[1] in RESERVED:
        return None
    return None if parts[2] in ("phantoms", SUMS) else ROOT.joinpath(*parts[:2], SUMS, *parts[2:])


def seal(target: Path) -> None:
    """Keeps the checksum of a run's file that was not written through `replacing`."""
    if record := seal_of(target):
        _keep(record, sha256(target))


def _keep(record: Path, digest: str) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(f"{digest} {os.environ.get(STEP, '')}\n", encoding="utf-8")


def remove(target: Path) -> None:
    """Deletes a file that is no longer needed, and its checksum."""
    Path(target).unlink(missing_ok=True)
    if record := seal_of(target):
        record.unlink(missing_ok=True)


def delete(target: Path) -> None:
    """Deletes a file or a folder, if it is there; of a link only the link."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def is_damaged(path: Path) -> bool:
    """Whether a file's bytes are not those that were written; a file without a checksum is taken as it is."""
    record = seal_of(path)
    return bool(record and record.is_file() and record.read_text(encoding="utf-8")[:64] != sha256(path))


def check(path: Path) -> Path:
    """The path, if its bytes are those that were written.

    Raises:
        Damaged: they are not.
    """
    if is_damaged(path):
        raise Damaged(f"{show(path)}: its bytes are not those that were written; `make reproduce` makes it again")
    return Path(path)


def set_aside(path: Path) -> Path:
    """Renames what is damaged to `<name>.damaged`, forgets its checksum, and returns the new path."""
    aside = Path(path).with_name(f"{Path(path).name}.damaged")
    delete(aside)
    os.replace(path, aside)
    if record := seal_of(path):
        record.unlink(missing_ok=True)
    return aside


def new_array(path: Path, dtype: "np.typing.DTypeLike", shape: tuple[int, ...]) -> "np.ndarray":
    """A memory-mapped .npy array of zeros whose room on the disk is taken at once.

    Raises:
        OSError: there is not enough room; else a write to the mapped memory would end the process later.
    """
    import numpy as np

    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):
        size = os.path.getsize(path)
        try:
            with open(path, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, max(1, size))
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}: {size / 1e6:.1f} MB are needed", str(path)) from None
    return array


def write_text(target: Path, text: str, *, sealed: bool = True) -> None:
    with replacing(target, sealed=sealed) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """JSON with sorted keys, so that equal values give equal files."""
    write_text(target, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(target: Path, table: "pd.DataFrame") -> None:
    """CSV without the row index; floats keep every digit."""
    with replacing(target) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def read_json(path: Path) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
