"""Phantoms: generated chest X-rays and skin pictures in the real sources' own formats and layouts.

They stand in for data that may not be passed on, so that the same readers, splits and networks run. They show what
they stand for, no more: results on them say nothing about patients.
"""

import hashlib
import shutil
from pathlib import Path

import joblib
import numpy as np
from scipy import ndimage

from lib import files
from lib.phantoms import chest, film, formats, ham10000, skin, sources
from lib.phantoms.fields import generator

RECORD = "phantoms.json"
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
        The record as written to `phantoms.json`.

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
    record = {"images": images, "skin_images": skin_images, "size": size, "seed": seed, "marker": float(marker)}
    record["generator"] = _fingerprint()
    complete = (folder / RECORD).is_file() and all((folder / name).is_dir() for name in FOLDERS)
    if complete and files.read_json(folder / RECORD) == record:
        return record
    _clear(folder)
    shots, skin_shots = sources.plan(images, seed), ham10000.plan(skin_images, seed)
    tasks = [joblib.delayed(_chest)(folder, part, size, seed, marker) for part in _parts(shots)]
    tasks += [joblib.delayed(_skin)(folder, part, size, seed) for part in _parts(skin_shots)]
    found = joblib.Parallel(n_jobs=min(joblib.cpu_count(), 8))(tasks)
    boxes = {patient: around for part in found for patient, around in part.items()}
    sources.write_tables(folder / "covidx-sources", shots, boxes)
    ham10000.write_table(folder / "ham10000", skin_shots)
    files.write_json(folder / RECORD, record)
    (folder / STARTED).unlink()
    return record


def _fingerprint() -> str:
    """Changes with this package's code, so that phantoms of older code are made anew."""
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(code).hexdigest()[:16]


def _clear(folder: Path) -> None:
    """Removes earlier phantoms, complete or not, but never anything else."""
    ours = (folder / RECORD).is_file() or (folder / STARTED).is_file()
    there = [name for name in FOLDERS if (folder / name).exists()]
    if there and not ours:
        raise FileExistsError(
            f"{folder} holds {', '.join(there)} that were not generated here; give another folder for the phantoms"
        )
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(
        folder / STARTED, "Phantoms are being written here; they are complete once phantoms.json exists.\n"
    )
    (folder / RECORD).unlink(missing_ok=True)
    for name in there:
        shutil.rmtree(folder / name)


def _parts(shots: list, length: int = 24) -> list[list]:
    return [shots[start : start + length] for start in range(0, len(shots), length)]


def _chest(folder: Path, shots: list[sources.Shot], size: int, seed: int, marker: float) -> dict[str, list]:
    """Draws and writes some chest images; returns the RSNA patients' boxes."""
    boxes = {}
    for shot in shots:
        target = folder / "covidx-sources" / shot.source / shot.file
        picture, mask = draw(shot, size, seed, marker)
        if shot.mode:
            formats.write_picture(target, picture, shot.mode)
        else:
            row = shot.row
            formats.write_dicom(
                target, picture, patient=row["patientId"], inverted=row["inverted"], header=row["header"]
            )
            boxes[row["patientId"]] = around(mask & chest.OPACITY)
        if shot.view == "frontal":
            formats.write_picture(folder / "masks" / shot.source / f"{Path(shot.file).stem}.png", mask, "L")
    return boxes


def draw(shot: sources.Shot, size: int, seed: int, marker: float) -> tuple[np.ndarray, np.ndarray]:
    """One chest image and its mask of bit flags, uint8 (height, width) each; the longer side has `size` pixels."""
    rng = generator(seed, shot.patient, shot.image, "film")
    shorter = size if shot.square else round(float(rng.uniform(0.82, 1.0)) * size)
    shape = (size, shorter) if rng.uniform() < 0.4 else (shorter, size)
    mask = np.zeros(shape, np.uint8)
    if shot.view == "frontal":
        absorbed, mask = chest.attenuation(
            seed, shot.patient, shot.image, shot.label, shape, large_heart=shot.large_heart
        )
    else:
        view = {"lateral": film.lateral, "axial": film.axial}[shot.view]
        absorbed = view(seed, shot.patient, shot.image, shape)
    picture = film.leads(film.expose(absorbed, rng), rng)
    strength = marker if shot.marked and shot.view == "frontal" else 0.0
    picture, place = film.mark(picture, generator(seed, shot.patient, shot.image, "marker"), strength)
    mask[place] |= chest.MARKER
    return picture, mask


def around(opaque: np.ndarray, least: float = 0.002) -> list[tuple[float, ...]]:
    """Boxes (x, y, width, height) in pixels around the separate opacities of at least a share `least` of the image."""
    labelled, _ = ndimage.label(opaque > 0)
    boxes = []
    for at, (rows, columns) in enumerate(ndimage.find_objects(labelled), start=1):
        if np.count_nonzero(labelled[rows, columns] == at) >= least * opaque.size:
            box = columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
            boxes.append(tuple(map(float, box)))
    return boxes


def _skin(folder: Path, shots: list[ham10000.SkinShot], size: int, seed: int) -> dict[str, list]:
    """Draws and writes some skin pictures."""
    for shot in shots:
        lesion, image = shot.row["lesion_id"], shot.row["image_id"]
        picture = skin.picture(seed, lesion, image, shot.kind, (round(0.75 * size), size))
        formats.write_picture(folder / "ham10000" / shot.file, picture, "RGB")
    return {}
