"""Phantoms: generated chest X-rays and skin pictures in the real sources' own formats and layouts.

They stand in for data that may not be passed on, so that the same readers, splits and networks run. They show what
they stand for, no more: results on them say nothing about patients.
"""

import contextlib
import hashlib
import shutil
from pathlib import Path

import joblib
import numpy as np
from scipy import ndimage

from lib import files
from lib.data import GENERATED as RECORD
from lib.phantoms import chest, film, formats, ham10000, skin, sources
from lib.phantoms.fields import generator

STARTED = ".phantoms-started"
FOLDERS = ("covidx-sources", "ham10000", "masks")


def generate(folder: Path, *, images: int, skin_images: int, size: int, seed: int, marker: float) -> dict[str, object]:
    """Writes the phantoms below `folder`, unless the same ones are there already.

    `covidx-sources/` holds the five sources in their own layouts, `ham10000/` the skin pictures,
    `masks/<source>/<image file's stem>.png` for each frontal chest image an 8-bit mask of bit flags: 1 lung, 2 opacity,
    4 marker. Equal parameters give equal bytes. `phantoms.json` is written last and records the parameters.

    Args:
        folder: where to write; it holds nothing but phantoms.
        images: number of chest images in all sources together, at least 60; about one in twenty is left out by the
            sources' own rules.
        skin_images: number of skin pictures, at least 70.
        size: longest side of the images in pixels, at least 64.
        seed: fixes everything.
        marker: strength 0..1 of the bright tag that images of the four covid-19 sources carry; 0 is none.

    Returns:
        The parameters, as `phantoms.json` records them beside the files' checksum.

    Raises:
        ValueError: a number out of range.
        FileExistsError: the folder holds data that this function did not write.
    """
    folder = Path(folder)
    if images < 60 or skin_images < 70 or size < 64 or not 0 <= marker <= 1:
        raise ValueError(
            f"found images={images}, skin_images={skin_images}, size={size}, marker={marker}; "
            "expected at least 60, 70 and 64, and a marker from 0 to 1"
        )
    # with the package's code, so that phantoms of older code are made anew
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    record = {"images": images, "skin_images": skin_images, "size": size, "seed": seed, "marker": float(marker)}
    record["generator"] = hashlib.sha256(code).hexdigest()[:16]
    with contextlib.suppress(OSError, ValueError):  # of a damaged record
        if files.read_json(folder / RECORD) == record | {"files": _digest(folder)}:
            return record
    _clear(folder)
    shots, table = sources.planned_shots(images, seed), ham10000.skin_table(skin_images, seed)
    parallel = joblib.Parallel(n_jobs=min(joblib.cpu_count(), 8), batch_size=16)
    boxes = parallel(joblib.delayed(_write_chest)(folder, shot, size, seed, marker) for shot in shots)
    rows = table.to_dict("records")
    parallel(joblib.delayed(_write_skin)(folder / "ham10000", row, skin_images, size, seed) for row in rows)
    sources.write_tables(folder / "covidx-sources", shots, boxes)
    files.write_csv(folder / "ham10000" / "HAM10000_metadata.csv", table)
    files.write_json(folder / RECORD, record | {"files": _digest(folder)})
    (folder / STARTED).unlink()
    return record


def _digest(folder: Path) -> str:
    """SHA-256 of the names and bytes of all phantoms."""
    digest = hashlib.sha256()
    for path in sorted(path for name in FOLDERS for path in (folder / name).rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {files.sha256(path)}\n".encode())
    return digest.hexdigest()


def _clear(folder: Path) -> None:
    """Removes earlier phantoms, complete or not, but never anything else."""
    there = [name for name in FOLDERS if (folder / name).exists()]
    if there and not any((folder / name).is_file() for name in (RECORD, STARTED)):
        raise FileExistsError(
            f"{folder} holds {', '.join(there)} that were not generated here; give another folder for the phantoms"
        )
    note = "Phantoms are being written here; they are complete once phantoms.json exists.\n"
    files.write_text(folder / STARTED, note)
    (folder / RECORD).unlink(missing_ok=True)
    for name in there:
        shutil.rmtree(folder / name)


def _write_chest(folder: Path, shot: sources.Shot, size: int, seed: int, marker: float) -> list[sources.Box]:
    """Draws and writes one chest image and its mask; returns the boxes around its opacities."""
    target = folder / "covidx-sources" / shot.source / shot.file
    picture, mask = draw_chest(shot, size, seed, marker)
    if shot.source == sources.RSNA:
        formats.write_dicom(target, picture, **shot.row)
    else:
        formats.write_picture(target, picture, shot.mode)
    if shot.view == "frontal":
        formats.write_picture(folder / "masks" / shot.source / f"{Path(shot.file).stem}.png", mask, "L")
    return boxes_around(mask & chest.OPACITY)


def _write_skin(folder: Path, row: dict[str, str], images: int, size: int, seed: int) -> None:
    """Draws and writes one skin picture, given its row of the table."""
    lesion, image = row["lesion_id"], row["image_id"]
    picture = skin.draw_skin(seed, lesion, image, row["dx"], (round(0.75 * size), size))
    formats.write_picture(folder / ham10000.skin_file(image, images), picture, "RGB")


def draw_chest(shot: sources.Shot, size: int, seed: int, marker: float) -> tuple[np.ndarray, np.ndarray]:
    """One chest image and its mask of bit flags, uint8 (height, width) each; the longer side has `size` pixels."""
    who = seed, shot.patient, shot.image
    rng = generator(*who, "film")
    shorter = round(float(rng.uniform(0.82, 1.0)) * size)
    shape = (size, shorter) if rng.uniform() < 0.4 else (shorter, size)
    if shot.view == "frontal":
        absorbed, mask = chest.attenuation(*who, shot.label, shape, large_heart=shot.large_heart)
    else:
        view = {"lateral": film.lateral, "axial": film.axial}[shot.view]
        absorbed, mask = view(*who, shape), np.zeros(shape, np.uint8)
    picture = film.leads(film.expose(absorbed, mask & chest.LUNG == 0, rng), rng)
    if marker and shot.source != sources.RSNA and shot.view == "frontal":  # the sources of the covid-19 images
        picture, place = film.add_tag(picture, generator(*who, "marker"), marker)
        mask[place] |= chest.MARKER
    return picture, mask


def boxes_around(opaque: np.ndarray, least: float = 0.002) -> list[sources.Box]:
    """Boxes around the separate opacities of at least a share `least` of the image."""
    labelled, _ = ndimage.label(opaque > 0)
    boxes = []
    for at, (rows, columns) in enumerate(ndimage.find_objects(labelled), start=1):
        if np.count_nonzero(labelled[rows, columns] == at) >= least * opaque.size:
            box = columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
            boxes.append(tuple(map(float, box)))
    return boxes
