"""The report's slips: `params/errata.yaml` says what each one is, notebook 10 computes it and notes it here."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import yaml
from pandas.io.formats.style import Styler

from lib.data import lists
from lib.data.labels import CHEST_CLASSES
from lib.evaluation.claims import wrapped
from lib.paths import ROOT, show

SLIPS = ROOT / "params" / "errata.yaml"
COLUMNS = ("id", "title", "section", "report_says", "computed", "evidence", "consequence", "data", "rows", "network")
NO_IMAGES = "no images: the report's own numbers, the networks' definitions, or a computed example"
SAID = ("title", "section", "report_says", "consequence")


class Slips:
    """Collects what was computed of each slip, and apart from them the checks that found none.

    Args:
        networks: the run's rows in words, by id (`lib.evaluation.standing.network`).
    """

    def __init__(self, networks: dict[str, str] | None = None, path: Path = SLIPS):
        self.networks, self.known, self.found, self.fine = networks or {}, read_slips(path), {}, set()

    def note(
        self,
        name: str,
        *,
        computed: str,
        evidence: str,
        data: str = NO_IMAGES,
        of: Sequence[str] = (),
        otherwise: bool = False,
        **values,
    ) -> Styler:
        """Keeps one slip and shows it.

        Args:
            name: its id.
            computed: what came out here.
            evidence: the numbers behind it.
            data: the images or lists that it was computed on, in words.
            of: the rows of this run that it was computed on.
            otherwise: the check came out the other way; the slip's texts for that are taken.
            values: what the braces in its texts stand for.

        Raises:
            KeyError: the id, or a name in braces, is unknown.
        """
        if name not in self.known:
            raise KeyError(f"{name}: found no slip of this id in {show(SLIPS)}; known are {', '.join(self.known)}")
        texts = self.known[name] | (self.known[name]["otherwise"] if otherwise else {})
        said = {key: texts[key].format(**values) for key in SAID}
        networks = ". ".join(f"{row}: {self.networks[row]}" for row in of if self.networks.get(row))
        on = {"data": data, "rows": ", ".join(of), "network": networks}
        self.found[name] = {"id": name} | said | {"computed": computed, "evidence": evidence} | on
        if texts.get("fine") and not otherwise:
            self.fine.add(name)
        shown = [key for key in COLUMNS if key != "data" or data != NO_IMAGES]
        return errata_styler(pd.DataFrame([self.found[name]], columns=shown))

    def table(self, fine: bool = False) -> pd.DataFrame:
        """errata.csv: the slips that were noted, in that order; checks.csv: the checks that found none, if `fine`."""
        lines = [line for name, line in self.found.items() if (name in self.fine) == fine]
        return pd.DataFrame(lines, columns=list(COLUMNS))


def read_slips(path: Path = SLIPS) -> dict[str, dict]:
    """The slips of the file by id.

    Raises:
        ValueError: one line for each slip that lacks a text, has an unknown one, or repeats an id.
    """
    slips, problems = {}, []
    for slip in yaml.safe_load(Path(path).read_text(encoding="utf-8")):
        name = slip.get("id", "(no id)")
        texts = set(slip) - {"id", "fine", "otherwise"}
        problems += [f"{name}: {key}: missing" for key in SAID if key not in texts]
        problems += [f"{name}: {key}: unknown" for key in sorted((texts | set(slip.get("otherwise", {}))) - set(SAID))]
        problems += [f"{name}: id used twice"] if name in slips else []
        slips[name] = slip
    if problems:
        raise ValueError("\n".join(f"{show(path)}: {problem}" for problem in problems))
    return slips


def errata_styler(table: pd.DataFrame) -> Styler:
    """errata.csv with headings in words, without the ids."""
    names = {"title": "Slip", "section": "Where", "report_says": "The report says", "computed": "Computed"}
    names |= {"evidence": "Evidence", "consequence": "What follows", "data": "Computed on"}
    widths = {"Slip": 8, "The report says": 8, "Computed": 16, "Evidence": 20, "What follows": 16}
    return wrapped(table[[name for name in names if name in table]].rename(columns=names), widths)


def full_lists(data: Path | None) -> dict[str, pd.DataFrame]:
    """Full COVIDx train lists (columns patient, label, source), by file name, where the data folder has them."""
    folder = data / "covidx-lists-full" if data else None
    found = {}
    for path in sorted(folder.glob("train*.txt")) if folder and folder.is_dir() else []:
        text = path.read_text(encoding="utf-8", errors="replace").splitlines()
        lines = pd.DataFrame([vars(line) for line in map(lists.parse_line, text) if line])
        if len(lines) and set(lines["label"]) <= set(CHEST_CLASSES):
            found[path.name] = lines
    return found


def collisions(lines: pd.DataFrame, where: str) -> list[str]:
    """In words, for each two sources whose patient numbers meet: `12`, `COVID-19(12)` and `COVID 12` are one number.

    An id that is more than a number (`COVID-00012` of Figure1, `ANON12` of Actualmed) is its source's own.

    Args:
        lines: columns patient and source.
        where: the list's name.
    """
    numbers = lines["patient"].str.extract(r"^(?:COVID(?:-19)? ?)?\(?(\d+)\)?$")[0].dropna()
    patients = numbers.groupby(lines["source"]).unique().map(set)
    names = sorted(patients.index, key=lambda name: (-len(patients[name]), name))
    found = []
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            both = patients[one] & patients[other]
            if both:
                found.append(f"{where}: {len(both)} of {other}'s {len(patients[other])} numbers are also {one}'s")
    return found
