"""The two archives on Kaggle, fetched by kagglehub; where an account or accepted rules are needed, the steps."""

import shutil
from pathlib import Path

from lib.data import DataError

DATASET = "tawsifurrahman/covid19-radiography-database/versions/1"  # the version with COVID-19.metadata.xlsx
COMPETITION = "rsna-pneumonia-detection-challenge"

PROOF = {
    "sirm": ("COVID-19.metadata.xlsx", "COVID-19"),
    "rsna": ("stage_2_detailed_class_info.csv", "stage_2_train_labels.csv", "stage_2_train_images"),
}

ACCOUNT = """\
  1. Make an account at https://www.kaggle.com and sign in.
  2. Under Settings, API, create a token and save it as the page says (or set KAGGLE_API_TOKEN).
"""
STEPS = {
    "sirm": f"""{ACCOUNT}  3. Run the same command again.
By hand: download version 1 of https://www.kaggle.com/datasets/tawsifurrahman/covid19-radiography-database and unpack it
to""",
    "rsna": f"""{ACCOUNT}  3. Open https://www.kaggle.com/competitions/{COMPETITION}/rules and accept the rules.
  4. Run the same command again.
By hand: download the competition's data and unpack them to""",
}


def get(source: str, target: Path) -> None:
    """Fetches "sirm" or "rsna" to `target`, which appears only when all of it is there.

    Raises:
        DataError: with the steps to take, if Kaggle refuses or cannot be reached.
    """
    import kagglehub
    import requests
    from kagglehub import exceptions

    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the rename at the end stays on one disk; kept after a failure: kagglehub resumes there
    beside = target.parent / f".kaggle-{source}.part"
    refused = (exceptions.UnauthenticatedError, exceptions.CredentialError, exceptions.KaggleApiHTTPError)
    unreachable = (requests.RequestException, exceptions.BackendError, exceptions.NotFoundError)
    try:
        if source == "sirm":
            kagglehub.dataset_download(DATASET, output_dir=str(beside))
        else:
            kagglehub.competition_download(COMPETITION, output_dir=str(beside))
    except (*refused, *unreachable) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        what = "Kaggle refuses" if isinstance(error, refused) else "Kaggle cannot be reached"
        raise DataError(f"{what} ({first}).\n{STEPS[source]} {target}") from None
    except exceptions.DataCorruptionError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise DataError(f"Kaggle sent damaged data ({error}); they were deleted, run the same command again") from None
    adopt(source, beside, target)


def adopt(source: str, downloaded: Path, target: Path) -> None:
    """Moves the folder that holds the source, somewhere in what was downloaded, to `target`.

    Raises:
        DataError: the files that the readers need are not in it.
    """
    marker = PROOF[source][0]
    found = sorted(downloaded.rglob(marker), key=lambda path: len(path.parts))
    folder = next((path.parent for path in found if all((path.parent / name).exists() for name in PROOF[source])), None)
    if folder is None:
        there = ", ".join(sorted(path.name for path in downloaded.iterdir())[:8]) if downloaded.is_dir() else "nothing"
        raise DataError(
            f"the download holds {there}, expected {', '.join(PROOF[source])}; see {downloaded}, and move the right "
            f"folder to {target} by hand"
        )
    folder.rename(target)
    shutil.rmtree(downloaded, ignore_errors=True)
