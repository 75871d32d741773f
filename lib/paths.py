"""Where everything of a run lies. Notebooks and modules ask here and build no paths of their own."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = ROOT / "results" / "published"
NOTEBOOKS = ROOT / "notebooks"
RESERVED = ("activations", "bench", "published", "real", "reference")
"""Folders below results/ and data/ that belong to no run."""
BENCH = ROOT / "results" / "bench" / "bench.csv"


@dataclass(frozen=True)
class Paths:
    """The folders and files of one run (absolute paths; none is created by asking).

    Attributes:
        run: the run's name.
        root: the project's folder, or that of an archive.
    """

    run: str
    root: Path = field(default_factory=lambda: ROOT)

    @property
    def data(self) -> Path:
        """All that the run prepared, its phantoms included; never a download."""
        return self.root / "data" / self.run

    @property
    def phantoms(self) -> Path:
        """Generated data in the sources' own layouts (covidx-sources/, covidx-lists/, ham10000/)."""
        return self.data / "phantoms"

    @property
    def covidx(self) -> Path:
        """Prepared chest X-rays: index.csv, images.npy, excluded.csv."""
        return self.data / "covidx"

    @property
    def ham10000(self) -> Path:
        """Prepared skin images: index.csv, images.npy, excluded.csv."""
        return self.data / "ham10000"

    @property
    def left_out(self) -> Path:
        """Chest X-rays that the label rules leave out, prepared like the others but never trained on (notebook 13)."""
        return self.data / "left_out"

    @property
    def activations(self) -> Path:
        """Stored activations at the freezing boundary, shared by all runs."""
        return self.root / "data" / "activations"

    @property
    def results(self) -> Path:
        return self.root / "results" / self.run

    @property
    def checkpoints(self) -> Path:
        """State of interrupted training; a file disappears when its training is done."""
        return self.results / "checkpoints"

    @property
    def notebooks(self) -> Path:
        """Executed notebooks."""
        return self.results / "notebooks"

    @property
    def audit(self) -> Path:
        """The data audit's tables, the source-only baseline among them."""
        return self.results / "audit"

    @property
    def explanations(self) -> Path:
        """Tables of the explanation notebooks."""
        return self.results / "explanations"

    @property
    def table1(self) -> Path:
        return self.results / "table1.csv"

    @property
    def claims(self) -> Path:
        return self.results / "claims.csv"

    @property
    def report(self) -> Path:
        return self.results / "report"

    @property
    def provenance(self) -> Path:
        return self.results / "provenance.json"

    @property
    def reference(self) -> Path:
        """What a run of this name gave, kept in git to compare with."""
        return self.root / "results" / "reference" / self.run

    @property
    def figures(self) -> Path:
        return self.root / "figures" / self.run

    def experiment(self, experiment: str, seed: int = 1) -> Path:
        """Folder of one row; repetitions with further seeds lie beside the first as `<ID>-seed<k>`."""
        return self.results / "experiments" / (experiment if seed == 1 else f"{experiment}-seed{seed}")

    def pretrained(self, p: Any) -> Path:
        """A network pretrained on the skin images (made by notebook 03).

        Args:
            p: parameters with backbone, pepx, shortcuts and classifier_l2. COVID-Net's file is named after its three
                readings, once where they agree; ResNet50V2 has none of them. All seeds of a row start from it.
        """
        readings = (p.pepx, p.shortcuts, p.classifier_l2) if p.backbone == "covidnet" else ()
        named = readings[:1] if len(set(readings)) == 1 else readings
        return self.results / "pretraining" / f"{'-'.join((p.backbone, *named))}.keras"


def resolve(path: str | Path) -> Path:
    """A path from the parameters; a relative one starts at the project's folder.

    A circle of links or the home of nobody gives a path where there is no file: whoever looks for one names the key.
    """
    return Path(os.path.realpath(ROOT / os.path.expanduser(path)))


def link(path: Path, text: str = "") -> str:
    """A Markdown link to a file of the project, seen from notebooks/: JupyterLab and the report can follow it."""
    return f"[{text or path.name}](../{quote(path.relative_to(ROOT).as_posix())})"


def show(path: Path) -> str:
    """The path as a person would type it from the project's folder."""
    path = Path(os.path.abspath(path))  # a link is shown as itself, also one that leads nowhere
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
