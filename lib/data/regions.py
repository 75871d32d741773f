"""What goes with an image besides its class: facts from DICOM headers, the phantoms' masks, RSNA's boxes."""

import io
import re
import warnings
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image

from lib import files
from lib.data import decode
from lib.data.sources import find_sources, rsna_boxes

HEADER = {"view": "ViewPosition", "sex": "PatientSex", "age": "PatientAge"}
SAME_SHAPE = 1.03  # a mask whose sides have another ratio than its image's, by more than rounding, is another image's
ORIGINAL_SIZE = 1024  # pixels a side of the RSNA challenge's images


def with_header_facts(root: Path, index: pd.DataFrame) -> pd.DataFrame:
    """The index with view, sex and age filled in from the headers of DICOM files, where the metadata do not tell them.

    The DICOM files of its rows, below the data folder `root`, must be readable.
    """
    dicom = index["file"].str.lower().str.endswith((".dcm", ".dicom"))
    if not dicom.any():
        return index
    told = pd.DataFrame([_header_facts(root / name) for name in index["file"][dicom]], index=index.index[dicom])
    index = index.copy()
    for name in told:
        known = index[name].fillna("") if name in index else pd.Series("", index=index.index)
        index[name] = known.mask((known == "") & dicom, told[name].reindex(index.index))
    return index


def _header_facts(path: Path) -> dict[str, str]:
    """view, sex and age (years) as a DICOM header gives them; "" where it does not."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of oddities in other tags
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(HEADER.values()))
        facts = {name: str(header.get(tag, "") or "").strip() for name, tag in HEADER.items()}
    age = re.fullmatch(r"0*(\d+)Y", facts["age"])
    return facts | {"age": age[1] if age else ""}


def write_masks(root: Path, folder: Path, index: pd.DataFrame, size: int) -> None:
    """Writes masks.npy, uint8 (N, size, size) bit flags, and masks.csv, if masks came with the images.

    An image's mask is masks/<source folder>/<image stem>.png below the data folder, or lies so named in a folder masks/
    beside the folder of the image: of phantoms bit flags, else 0 and 255 for a lung. masks.csv says of each image how
    large a share of it is `lung`, and as `problem` why its mask is not used: then the image has zeros.

    Args:
        root: the data folder.
        folder: the prepared dataset's folder.
        index: the images in order, with image_id, file, height and width.
        size: pixels a side.
    """
    target, listed = folder / "masks.npy", folder / "masks.csv"
    paths = [_mask_of(root, PurePosixPath(name)) for name in index["file"]]
    if not any(paths):
        files.remove(target)
        files.remove(listed)
        return
    problems = []
    with files.replacing(target) as temporary:
        masks = files.new_array(temporary, np.uint8, (len(paths), size, size))
        for mask, path, shape in zip(masks, paths, index[["height", "width"]].to_numpy(int), strict=True):
            flags, problem = _read_flags(path, shape) if path else (None, "no mask")
            problems.append(problem)
            if flags is not None:
                mask[:] = _resize_flags(flags, size)
        lung = [float((mask & 1).mean()) for mask in masks]
        masks.flush()
    files.write_csv(listed, index[["image_id"]].assign(lung=lung, problem=problems))


def _mask_of(root: Path, image: PurePosixPath) -> Path | None:
    """The file of an image's mask, the image's path below `root`; None where there is none."""
    name = f"{image.stem}.png"
    places = root / "masks" / image.parts[1] / name, root.joinpath(*image.parts[:-2], "masks", name)
    return next((path for path in places if path.is_file()), None)


def _read_flags(path: Path, shape: np.ndarray) -> tuple[np.ndarray | None, str]:
    """A mask's uint8 (H, W) bit flags, and why there are none; `shape` is its image's, which it must be a copy of."""
    try:
        with Image.open(io.BytesIO(decode.read_bytes(path)), formats=decode.FORMATS) as image:
            flags = np.asarray(image.convert("L"))
    except Exception as error:  # decoders raise whatever they like on damaged input
        return None, f"not readable ({' '.join(str(error).split())})"
    stretched = (flags.shape[0] / flags.shape[1]) / (shape[0] / shape[1])
    if not 1 / SAME_SHAPE < stretched < SAME_SHAPE:
        found, expected = ("{1} x {0}".format(*one) for one in (flags.shape, shape))
        return None, f"has {found} pixels, its image {expected}"
    if not flags.any():
        return None, "empty"
    return ((flags > 0).astype(np.uint8) if set(np.unique(flags)) <= {0, 255} else flags), ""


def _resize_flags(flags: np.ndarray, size: int) -> np.ndarray:
    """Resizes uint8 bit flags (H, W) to (size, size): a flag is set where it covers half of the new pixel or more."""
    out = np.zeros((size, size), np.uint8)
    for bit in (1, 2, 4, 8, 16, 32, 64, 128):
        plane = (flags & bit) > 0
        if plane.any():
            image = Image.fromarray(plane.astype(np.uint8) * 255).resize((size, size), Image.Resampling.BILINEAR)
            out |= np.where(np.asarray(image) >= 128, bit, 0).astype(np.uint8)
    return out


def write_boxes(root: Path, folder: Path, index: pd.DataFrame, size: int) -> None:
    """Writes boxes.csv if the index holds RSNA images with boxes around opacities."""
    target = folder / "boxes.csv"
    files.remove(target)
    rsna = index[(index["source"] == "rsna") & index["file"].str.startswith("covidx-sources/")]
    if len(rsna):
        boxes = _scaled_boxes(rsna_boxes(find_sources(root / "covidx-sources")["rsna"]), rsna, size)
        if len(boxes):
            files.write_csv(target, boxes)


def _scaled_boxes(boxes: pd.DataFrame, index: pd.DataFrame, size: int) -> pd.DataFrame:
    """RSNA's boxes in pixels of the prepared images.

    Boxes are given in pixels of the file. Where some reach beyond their file's edge, the files are reduced copies of
    the 1024 x 1024 originals and the boxes still those of the originals.

    Args:
        boxes: as lib.data.sources.rsna_boxes gives them.
        index: the RSNA rows of the index, with the files' width and height.
        size: pixels a side of the prepared images.

    Returns:
        columns image_id, x, y, width, height (upper left corner and size), in index order.
    """
    sides = ["x", "y", "width", "height"]
    numbers = boxes[sides].apply(pd.to_numeric, errors="coerce").dropna()
    numbers["group_id"] = "rsna-" + boxes["patientId"]
    images = index[["image_id", "group_id"]].assign(across=index["width"], down=index["height"])
    joined = images.merge(numbers, on="group_id", how="inner")
    beyond = (joined["x"] + joined["width"] > joined["across"]) | (joined["y"] + joined["height"] > joined["down"])
    if beyond.any():
        joined[["across", "down"]] = ORIGINAL_SIZE
    for side, whole in zip(sides, ("across", "down", "across", "down"), strict=True):
        joined[side] = (joined[side] * size / joined[whole]).round(3)
    return joined[["image_id", *sides]]
