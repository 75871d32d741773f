"""Unpacks zip archives from the internet: nothing leaves the target, nothing grows without bound, all or nothing."""

import shutil
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
    """Unpacks a zip archive to `target`, which appears only when all of it is there.

    A single top folder in the archive is dropped: its contents go to `target`.

    Args:
        archive: the zip file.
        target: a folder that does not exist yet.
        max_bytes: unpacked size that is accepted.

    Returns:
        target.

    Raises:
        DataError: no zip, damaged, names that would leave the target, links, too large, or too little disk space.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _open(archive) as opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
        names = {member.filename: _safe(member, archive) for member in members}
        size = sum(member.file_size for member in members)
        if size > max_bytes:
            raise DataError(
                f"{archive}: would unpack to {size / 1e9:.1f} GB, at most {max_bytes / 1e9:.1f} are expected"
            )
        check_disk(target.parent, size, f"unpacking {archive.name}")
        top = {path.parts[0] for path in names.values()}
        drop = 1 if len(top) == 1 and all(len(path.parts) > 1 for path in names.values()) else 0
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-", suffix=".part"))
        try:
            for member in members:
                _extract(opened, member, temporary.joinpath(*names[member.filename].parts[drop:]), archive)
            temporary.chmod(0o755)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _open(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{archive}: not readable as a zip archive ({error}); delete it and fetch it again") from None


def _safe(member: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    """The member's path if it stays inside the target."""
    name = member.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in name:
        raise DataError(f"{archive}: holds '{member.filename}', which would leave the target folder; not unpacked")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DataError(f"{archive}: holds the link '{member.filename}'; links are not unpacked")
    return path


def _extract(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, archive: Path) -> None:
    """Writes one member, counting its bytes: the size that an archive states need not be true."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    try:
        with opened.open(member) as source, open(path, "wb") as stream:
            while block := source.read(2**20):
                written += len(block)
                if written > member.file_size:
                    raise DataError(f"{archive}: '{member.filename}' is larger than the archive says; not unpacked")
                stream.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"{archive}: '{member.filename}' is damaged ({error}); delete the archive and fetch again"
        ) from None
