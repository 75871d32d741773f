"""Downloads that survive bad connections: resumed, retried, checked, and never half-written under the final name.

pooch decides whether a file must be fetched, checks its hash and renames it; the downloader below adds what pooch
lacks: going on where an interrupted download stopped. (urllib3's Retry repeats a request, not the rest of its answer.)
"""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests
import urllib3
from tqdm import tqdm

from lib.data import DataError

RETRIED = (408, 425, 429, 500, 502, 503, 504)  # answers that may change when asked again
SPARE = 256 * 2**20  # bytes that stay free on the disk
BLOCK = 2**20


@dataclass(frozen=True)
class Patience:
    """How long to insist.

    Attributes:
        attempts: tries in a row that may bring no new byte.
        connect: seconds to wait for a connection.
        stall: seconds without a byte after which a connection counts as dead.
        pause: seconds before the second try; doubled each time, 60 at most.
    """

    attempts: int = 5
    connect: float = 15
    stall: float = 60
    pause: float = 2


class Interrupted(Exception):
    """One try failed in a way that another may mend."""


@dataclass
class Resuming:
    """A downloader for pooch that collects the bytes in `part` and goes on from there.

    `part` survives a failed download and a killed program.
    """

    part: Path
    patience: Patience

    def __call__(self, url: str, output_file: str, _pooch: pooch.Pooch | None = None) -> None:
        """Fetches `url` into `output_file`.

        Raises:
            DataError: the server refuses, the disk is too small, or patience has run out.
        """
        barren, last = 0, ""
        while barren < self.patience.attempts:
            before = self._have()
            try:
                self._try(url)
                shutil.move(self.part, output_file)
                self._tag.unlink(missing_ok=True)
                return
            except (requests.RequestException, urllib3.exceptions.HTTPError, Interrupted) as error:
                last = " ".join(str(error).split())[:200] or type(error).__name__
            barren = 0 if self._have() > before else barren + 1
            if barren < self.patience.attempts:
                time.sleep(min(60, self.patience.pause * 2 ** max(0, barren - 1)))
        raise DataError(
            f"{url}: gave up after {self.patience.attempts} tries without a new byte (last: {last}). "
            f"{self._have():,} bytes are kept in {self.part}; the same command goes on from there."
        )

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    @property
    def _tag(self) -> Path:
        """Keeps the ETag of what `part` belongs to, so that a changed file is not glued to an old beginning."""
        return self.part.with_name(self.part.name + ".etag")

    def _try(self, url: str) -> None:
        have = self._have()
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self._tag.is_file():
                headers["If-Range"] = self._tag.read_text(encoding="utf-8")
        timeout = (self.patience.connect, self.patience.stall)
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as answer:
            code, given = answer.status_code, answer.headers.get("Content-Range", "")
            if code == 416 and given == f"bytes */{have}":
                return  # the part was whole already
            if code in RETRIED:
                raise Interrupted(f"the server answers {code} {answer.reason}")
            ours = code != 416 and (code != 206 or given.startswith(f"bytes {have}-"))
            if not ours:  # the part is longer than the file, the file has changed, or other bytes came than asked for
                self.part.unlink(missing_ok=True)
                raise Interrupted("the server does not go on where the part ends; starting again")
            if code >= 400:
                raise DataError(
                    f"{url}: the server answers {code} {answer.reason}. If the file has moved, fetch it by hand "
                    f"and put it to {self.part.with_suffix('')}; its checksum is verified all the same."
                )
            start = have if code == 206 else 0
            length = answer.headers.get("Content-Length", "")
            total = start + int(length) if length.isdigit() else None
            check_disk(self.part.parent, (total or start) - start, url)
            if answer.headers.get("ETag"):
                self._tag.write_text(answer.headers["ETag"], encoding="utf-8")
            self._store(answer, start, total)
        if total is not None and self._have() < total:
            raise Interrupted(f"the connection ended at {self._have():,} of {total:,} bytes")

    def _store(self, answer: requests.Response, start: int, total: int | None) -> None:
        name = self.part.name.removesuffix(".part")
        bar = tqdm(total=total, initial=start, desc=name, unit="B", unit_scale=True, mininterval=1)
        with open(self.part, "ab" if start else "wb") as stream, bar:
            # read1 hands over whatever has arrived: a connection that breaks in the middle of a block loses nothing
            while block := answer.raw.read1(BLOCK):
                stream.write(block)
                stream.flush()
                bar.update(len(block))


def fetch(url: str, target: Path, known_hash: str | None, *, patience: Patience = Patience()) -> Path:
    """Fetches a file to `target`, which it returns, unless it is there already with the right hash.

    `target`.part beside it holds an unfinished download; `known_hash` is "md5:...", "sha256:..." or None.

    Raises:
        DataError: refused, out of patience, too little disk space, or wrong bytes twice.
    """
    pooch.get_logger().setLevel("WARNING")
    downloader = Resuming(target.with_name(target.name + ".part"), patience)
    wrong = ""
    for _ in range(2):
        try:
            pooch.retrieve(url, known_hash, fname=target.name, path=target.parent, downloader=downloader)
            return target
        except DataError:
            raise
        except ValueError as error:
            wrong = " ".join(str(error).split())
    raise DataError(
        f"{url}: wrong bytes twice ({wrong}). Nothing was written to {target}. Either the file was replaced or "
        f"something between you and the server changes it: fetch it by another way and put it there."
    )


def check_disk(folder: Path, bytes_needed: int, what: str) -> None:
    """Stops before a download or unpacking that the disk cannot hold.

    Raises:
        DataError: says how much is needed, free, and what to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if bytes_needed + SPARE > free:
        raise DataError(
            f"{what}: needs {bytes_needed / 1e9:.1f} GB in {folder}, {free / 1e9:.1f} GB are free; "
            f"make room or choose another folder with DATA=/path/to/data"
        )
