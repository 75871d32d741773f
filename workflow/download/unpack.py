"""Unpacks zip archives from the internet: nothing leaves the target, nothing grows without bound, all or nothing."""

import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from lib.data import DataError
from workflow.download.fetch import check_disk


def commit_of(archive: Path) -> str:
    """The commit id that GitHub writes into the comment of a source archive, or ""."""
    with _open(archive) as opened:
        comment = opened.comment.decode("ascii", errors="replace").strip()
    return comment if len(comment) == 40 else ""


def unpack(archive: Path, target: Path, *, max_bytes: int) -> Path:
    """Unpacks a zip archive to `target`, which it returns; the folder appears only when all of it is there.

    A single top folder in the archive is dropped: its contents go to `target`. More than `max_bytes` are refused.

    Raises:
        DataError: no zip, damaged, names that would leave the target, links, too large, or too little disk space.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _open(archive) as opened, tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as scratch:
        for member in opened.infolist():
            _refuse_hostile(member, archive)
        size = sum(member.file_size for member in opened.infolist())
        if size > max_bytes:
            sizes = f"{size / 1e9:.1f} GB, at most {max_bytes / 1e9:.1f} are expected"
            raise DataError(f"{archive}: would unpack to {sizes}")
        check_disk(target.parent, size, f"unpacking {archive.name}")
        whole = Path(scratch) / target.name
        whole.mkdir()
        for member in opened.infolist():
            try:
                opened.extract(member, whole)  # it stops at the size that the archive states, and checks the CRC
            except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # the disk's, not the archive's
                advice = "delete the archive and fetch again"
                raise DataError(f"{archive}: '{member.filename}' is damaged ({error}); {advice}") from None
        tops = list(whole.iterdir())
        (tops[0] if len(tops) == 1 and tops[0].is_dir() else whole).rename(target)
    return target


def _open(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{archive}: not readable as a zip archive ({error}); delete it and fetch it again") from None


def _refuse_hostile(member: zipfile.ZipInfo, archive: Path) -> None:
    """zipfile would bend such names until they stay inside; an archive that holds one is not what it should be."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in str(path).partition("/")[0]:
        raise DataError(f"{archive}: holds '{member.filename}', which would leave the target folder; not unpacked")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DataError(f"{archive}: holds the link '{member.filename}'; links are not unpacked")
