"""Reader of HAM10000: `HAM10000_metadata.csv` and the images in HAM10000_images_part_1 and _part_2."""

from pathlib import Path

from lib.data import ledger as reasons
from lib.data.errors import DataError
from lib.data.labels import SKIN_CLASSES
from lib.data.ledger import Ledger
from lib.data.tables import ImageFolder, is_plain_name, read_table

COLUMNS = ("lesion_id", "image_id", "dx")


def read_ham10000(root: Path) -> Ledger:
    """Reads `root`/ham10000; one row an image, grouped by lesion. The source is the `dataset` column if there is one.

    Raises:
        DataError: the folder, its metadata or both image folders are missing.
    """
    folder = root / "ham10000"
    expected = "HAM10000_metadata.csv, HAM10000_images_part_1/ and HAM10000_images_part_2/"
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected there {expected}")
    table = read_table(folder / "HAM10000_metadata.csv", COLUMNS)
    parts = sorted(
        path for path in folder.iterdir() if path.is_dir() and path.name.lower().startswith("ham10000_images")
    )
    if not parts:
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise DataError(f"{folder}: no image folder; found: {found}; expected {expected}")
    folders = [ImageFolder(path) for path in parts]
    ledger = Ledger(root)
    for row in table.to_dict("records"):
        name, lesion, label = row["image_id"].strip(), row["lesion_id"].strip(), row["dx"].strip().lower()
        source, line = row.get("dataset", "").strip() or "ham10000", row["_row"]
        found = [images.find(f"{name}.jpg") for images in folders] if is_plain_name(name) else []
        path = next((candidate for candidate in found if candidate), None)
        file = ledger.relative(path or parts[0] / f"{Path(name or 'unnamed').name}.jpg")
        if not lesion or not is_plain_name(name):
            ledger.exclude(file, source, reasons.BAD_ID, f"lesion '{lesion}', image '{name}'", line)
        elif label not in SKIN_CLASSES:
            ledger.exclude(file, source, reasons.FINDING, row["dx"], line)
        elif path is None:
            ledger.exclude(file, source, reasons.MISSING, "", line)
        else:
            extras = {key: row.get(key, "").strip() for key in ("age", "sex", "localization", "dx_type")}
            ledger.keep(file=file, source=source, image_id=name, group_id=lesion, label=label, row=line, **extras)
    ledger.unlisted["ham10000"] = sum(images.unlisted() for images in folders)
    return ledger
