"""The public archives: where they are, what a complete one holds, and fetching what is missing.

What is there already is not fetched again. What needs an account or accepted rules stops with the steps to take, after
everything else has been fetched.
"""

import sys
from functools import partial
from pathlib import Path

import pooch

from lib import files
from lib.data import DataError
from lib.data.sources import FOLDERS
from workflow.download import kaggle
from workflow.download.fetch import check_disk, fetch
from workflow.download.unpack import commit_of, unpack

GB = 10**9
HOSTS = {"dataverse": "https://dataverse.harvard.edu", "github": "https://github.com"}

# Files of HAM10000 on Harvard Dataverse, doi:10.7910/DVN/DBW86T (CC BY-NC 4.0): its number of the file, MD5. The
# metadata come as `.tab` with another checksum unless the original is asked for.
SKIN_FILES = {
    "HAM10000_metadata.csv": ("4338392?format=original", "8f85fb1aa29d80a2797247e434deb79d"),
    "HAM10000_images_part_1.zip": ("3172585", "4639bfa73ab251610530a97c898e6e46"),
    "HAM10000_images_part_2.zip": ("3172584", "da43d6cc50f6613013be07e8986b384b"),
}

# owner/name and the commit that is fetched, as the metadata stood after the last images were added
REPOSITORIES = {
    "cohen": ("ieee8023/covid-chestxray-dataset", "6a4242344473ccb5ed0d2148d8c7bfb1691e4ed8"),
    "fig1": ("agchung/Figure1-COVID-chestxray-dataset", "95bb569e55f4110d3b734c0f355340e04e16989a"),
    "actmed": ("agchung/Actualmed-COVID-chestxray-dataset", "2635e4b05d2b59628edb10a6e16a506951c84c59"),
}


def get_skin(target: Path) -> None:
    """HAM10000: the metadata, and two archives that are unpacked and deleted."""
    for name, (number, md5) in SKIN_FILES.items():
        folder = target / name.removesuffix(".zip")
        if name.endswith(".zip") and folder.is_dir():
            continue
        path = fetch(f"{HOSTS['dataverse']}/api/access/datafile/{number}", target / name, f"md5:{md5}")
        if name.endswith(".zip"):
            unpack(path, folder, max_bytes=4 * GB)
            path.unlink()


def get_repository(source: str, target: Path) -> None:
    """One of the GitHub sources, at its pinned commit.

    GitHub publishes no checksum of its archives. The commit id that the archive carries must be the pinned one, and the
    archive's SHA-256 must be the one recorded at the first download into this data folder.
    """
    repository, commit = REPOSITORIES[source]
    url = f"{HOSTS['github']}/{repository}/archive/{commit}.zip"
    records = target.parent / "checksums.json"
    known = files.read_json(records) if records.is_file() else {}
    archive = fetch(url, target.parent / f"{target.name}-{commit[:12]}.zip", known.get(url))
    found = commit_of(archive)
    if found != commit:
        archive.unlink()
        raise DataError(f"{url}: the archive is of commit '{found or 'unknown'}', expected {commit}; it was deleted")
    unpack(archive, target, max_bytes=6 * GB)
    files.write_json(records, known | {url: f"sha256:{pooch.file_hash(str(archive))}"})
    archive.unlink()


# What fetches it into a folder; paths there that only a complete archive has; the gigabytes that fetching and unpacking
# need at most, roughly
ARCHIVES = {
    "ham10000": (get_skin, [name.removesuffix(".zip") for name in SKIN_FILES], 7),
    "cohen": (partial(get_repository, "cohen"), ("metadata.csv", "images"), 3),
    "fig1": (partial(get_repository, "fig1"), ("metadata.csv", "images"), 0.25),
    "actmed": (partial(get_repository, "actmed"), ("metadata.csv", "images"), 4),
    "sirm": (partial(kaggle.get, "sirm"), kaggle.PROOF["sirm"], 3),
    "rsna": (partial(kaggle.get, "rsna"), kaggle.PROOF["rsna"], 9),
}


def acquire(into: Path, only: list[str] | None = None) -> int:
    """Fetches what is missing of `only`, or of all archives, into the data folder, telling what it does.

    Returns:
        number of archives that could not be fetched; the reasons were printed.
    """
    failed = []
    for name in only or ARCHIVES:
        get, proof, room = ARCHIVES[name]
        target = into / "ham10000" if name == "ham10000" else into / "covidx-sources" / FOLDERS[name]
        if all((target / part).exists() for part in proof):
            print(f"{name}: there already ({target})")
            continue
        print(f"{name}: fetching into {target}")
        try:
            check_disk(into, round(room * GB), name)
            if target.is_dir() and name != "ham10000":
                lacking = ", ".join(proof)
                raise DataError(f"{target} exists but lacks {lacking}; move it away and run the command again")
            get(target)
        except DataError as error:
            failed.append(name)
            print(f"{name}: {error}", file=sys.stderr)
    if failed:
        print(f"Not fetched: {', '.join(failed)}. The others are in {into}; run it again for these.", file=sys.stderr)
    return len(failed)
