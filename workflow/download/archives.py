"""Fetches the public archives into a run's data folder: `python -m workflow.download --run paper`.

What is there already is not fetched again. What needs an account or accepted rules stops with the steps to take, after
everything else has been fetched.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lib import files, params, paths
from lib.data import DataError
from lib.data.sources import FOLDERS
from workflow.download import kaggle
from workflow.download.fetch import Patience, check_disk, fetch
from workflow.download.unpack import commit_of, unpack

GB = 10**9


@dataclass(frozen=True)
class Hosts:
    """Addresses of the servers; tests put their own here."""

    dataverse: str = "https://dataverse.harvard.edu"
    github: str = "https://github.com"


@dataclass(frozen=True)
class SkinFile:
    """One file of HAM10000 on Harvard Dataverse, doi:10.7910/DVN/DBW86T (CC BY-NC 4.0).

    Attributes:
        name: what it is called.
        id: Dataverse's number of the file.
        md5: its checksum.
        query: added to the address; the metadata come as `.tab` with another checksum unless the original is asked for.
    """

    name: str
    id: int
    md5: str
    query: str = ""


SKIN_FILES = (
    SkinFile("HAM10000_metadata.csv", 4338392, "8f85fb1aa29d80a2797247e434deb79d", "?format=original"),
    SkinFile("HAM10000_images_part_1.zip", 3172585, "4639bfa73ab251610530a97c898e6e46"),
    SkinFile("HAM10000_images_part_2.zip", 3172584, "da43d6cc50f6613013be07e8986b384b"),
)

# owner/name and the commit that is fetched, as the metadata stood after the last images were added
REPOSITORIES = {
    "cohen": ("ieee8023/covid-chestxray-dataset", "6a4242344473ccb5ed0d2148d8c7bfb1691e4ed8"),
    "fig1": ("agchung/Figure1-COVID-chestxray-dataset", "95bb569e55f4110d3b734c0f355340e04e16989a"),
    "actmed": ("agchung/Actualmed-COVID-chestxray-dataset", "2635e4b05d2b59628edb10a6e16a506951c84c59"),
}


@dataclass(frozen=True)
class Item:
    """One thing to fetch.

    Attributes:
        name: what the command line calls it.
        target: the folder that it fills; it is complete if `proof` is there.
        proof: paths below `target` that only a complete item has.
        room: bytes that fetching and unpacking need at most, roughly.
        get: fetches it.
    """

    name: str
    target: Path
    proof: tuple[str, ...]
    room: int
    get: Callable[[], None]

    def is_there(self) -> bool:
        return all((self.target / name).exists() for name in self.proof)


def plan(into: Path, hosts: Hosts, patience: Patience | None = None) -> list[Item]:
    """All six archives, in the order in which they are fetched."""
    sources = into / "covidx-sources"
    skin = into / "ham10000"
    items = [
        Item(
            "ham10000",
            skin,
            ("HAM10000_metadata.csv", "HAM10000_images_part_1", "HAM10000_images_part_2"),
            7 * GB,
            partial(get_skin, skin, hosts, patience),
        )
    ]
    rooms = {"cohen": 3 * GB, "fig1": GB // 4, "actmed": 4 * GB}
    for source in REPOSITORIES:
        target = sources / FOLDERS[source]
        get = partial(get_repository, source, target, hosts, patience)
        items.append(Item(source, target, ("metadata.csv", "images"), rooms[source], get))
    for source, proof in kaggle.PROOF.items():
        target = sources / FOLDERS[source]
        room = {"sirm": 3 * GB, "rsna": 9 * GB}[source]
        items.append(Item(source, target, proof, room, partial(kaggle.get, source, target)))
    return items


def get_skin(target: Path, hosts: Hosts, patience: Patience | None) -> None:
    """HAM10000: the metadata, and two archives that are unpacked and deleted."""
    for file in SKIN_FILES:
        folder = target / file.name.removesuffix(".zip")
        if file.name.endswith(".zip") and folder.is_dir():
            continue
        url = f"{hosts.dataverse}/api/access/datafile/{file.id}{file.query}"
        path = fetch(url, target / file.name, f"md5:{file.md5}", patience=patience)
        if file.name.endswith(".zip"):
            unpack(path, folder, max_bytes=4 * GB)
            path.unlink()


def get_repository(source: str, target: Path, hosts: Hosts, patience: Patience | None) -> None:
    """One of the GitHub sources, at its pinned commit.

    GitHub publishes no checksum of its archives. The commit id that the archive carries must be the pinned one, and the
    archive's SHA-256 must be the one recorded at the first download into this data folder.
    """
    repository, commit = REPOSITORIES[source]
    url = f"{hosts.github}/{repository}/archive/{commit}.zip"
    records = target.parent / "checksums.json"
    known = files.read_json(records) if records.is_file() else {}
    archive = fetch(url, target.parent / f"{target.name}-{commit[:12]}.zip", known.get(url), patience=patience)
    found = commit_of(archive)
    if found != commit:
        archive.unlink()
        raise DataError(f"{url}: the archive is of commit '{found or 'unknown'}', expected {commit}; it was deleted")
    unpack(archive, target, max_bytes=6 * GB)
    import pooch

    files.write_json(records, known | {url: f"sha256:{pooch.file_hash(str(archive))}"})
    archive.unlink()


def acquire(
    into: Path, only: list[str] | None = None, hosts: Hosts | None = None, patience: Patience | None = None
) -> int:
    """Fetches what is missing, telling what it does.

    Args:
        into: the data folder.
        only: names of items; all if empty.
        hosts: servers.
        patience: how long to insist on each download.

    Returns:
        number of items that could not be fetched; the reasons were printed.

    Raises:
        DataError: an unknown name in `only`.
    """
    items = plan(into, hosts or Hosts(), patience)
    unknown = set(only or ()) - {item.name for item in items}
    if unknown:
        raise DataError(f"--only {', '.join(sorted(unknown))}: expected {', '.join(item.name for item in items)}")
    failed = []
    for item in items:
        if only and item.name not in only:
            continue
        if item.is_there():
            print(f"{item.name}: there already ({item.target})")
            continue
        print(f"{item.name}: fetching into {item.target}")
        try:
            check_disk(into, item.room, item.name)
            if item.target.is_dir() and item.name != "ham10000":
                raise DataError(
                    f"{item.target} exists but lacks {', '.join(item.proof)}; move it away and run the command again"
                )
            item.get()
        except DataError as error:
            failed.append(item.name)
            print(f"{item.name}: {error}", file=sys.stderr)
    if failed:
        print(
            f"Not fetched: {', '.join(failed)}. The others are in {into}; run the command again for these.",
            file=sys.stderr,
        )
    return len(failed)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workflow.download", description="Fetch the public archives.")
    parser.add_argument("--run", default="paper", help="run whose data folder is filled (params/runs/<run>.yaml)")
    parser.add_argument("--into", default="", help="another data folder")
    parser.add_argument("--only", nargs="*", default=[], help="some of: ham10000 cohen fig1 actmed sirm rsna")
    given = parser.parse_args(arguments)
    try:
        data = given.into or params.load(given.run).data
        if data == "phantoms":
            print(
                f"Run '{given.run}' generates its data: nothing to fetch. `make data RUN=paper` fetches the archives."
            )
            return 0
        folder = Path(data).expanduser()
        folder = folder if folder.is_absolute() else paths.ROOT / folder
        return 1 if acquire(folder.resolve(), given.only) else 0
    except (DataError, params.ParameterError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What was fetched is kept; the same command goes on from there.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
