"""What a run left behind, as the report reads it: nothing is required, and what is missing is listed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from lib import files, params, paths
from workflow import provenance
from workflow.report import notebook

FIGURES = {
    "figure_1a": "A chest X-ray of COVIDx.",
    "figure_1b": "A dermatoscopic image of HAM10000.",
    "figure_2a": "Images of each class of COVIDx in the training, validation and test set, on a logarithmic axis.",
    "figure_2b": "Images of each class of HAM10000 in the training, validation and test set, on a logarithmic axis.",
    "figure_3a": "The basic block of ResNet50.",
    "figure_3b": "The architecture of COVID-Net.",
    "figure_4a": "ROC curves of RN4 and CN2 with the chance line.",
    "figure_4b": "The confusion matrix of RN4: counts, coloured by the share of each true class.",
    "figure_5a": "A COVID-19 test image with its Grad-CAM and Integrated Gradients overlays.",
    "figure_5b": "Another COVID-19 test image with its Grad-CAM and Integrated Gradients overlays.",
}


@dataclass
class Run:
    """One run.

    Attributes:
        name: the run's name.
        at: its folders.
        record: its provenance.
        values: its parameters, as the notebooks got them.
        notebooks: its executed notebooks in reading order.
        missing: what an unfinished run lacks, a sentence each.
    """

    name: str
    at: paths.Paths
    record: dict[str, Any]
    values: dict[str, Any]
    notebooks: list[notebook.Executed]
    missing: list[str] = field(default_factory=list)

    @property
    def phantoms(self) -> bool:
        """Whether any step got phantoms; where no step says what it got, whether phantoms lie in the run's folder."""
        given = self.values.get("data")
        return self.at.phantoms.is_dir() if given is None else "phantoms" in str(given).split(" / ")

    @property
    def experiments(self) -> list[str]:
        """The rows that the run asks for, then rows that lie there besides."""
        asked = list(self.values.get("experiments", []))
        there = sorted(path.parent.name for path in (self.at.results / "experiments").glob("*/metrics.json"))
        return asked + [name for name in there if name not in asked and "-seed" not in name]

    def frame(self, path: Path) -> pd.DataFrame | None:
        """A CSV file of the run, None (and a line in `missing`, for one that every run makes) where there is none."""
        if not path.is_file() or not path.stat().st_size:
            return None
        try:
            return pd.read_csv(path)
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            self.missing.append(f"{paths.show(path)} cannot be read as CSV ({error}); run its notebook again")
            return None

    def metrics(self, experiment: str) -> dict[str, Any] | None:
        """The scores of a row's first seed, None where it has not been trained."""
        return self._json(experiment, "metrics.json")

    def settings(self, experiment: str) -> dict[str, Any]:
        """The parameters that a row was trained with; those of its file where it has not been trained."""
        given = self._json(experiment, "settings.json")
        own = params.EXPERIMENTS / f"{experiment}.yaml"
        return given or (params.read_yaml(own) if own.is_file() else {})

    def _json(self, experiment: str, name: str) -> dict[str, Any] | None:
        path = self.at.experiment(experiment) / name
        return files.read_json(path) if path.is_file() else None

    def page_of(self, experiment: str) -> str | None:
        """Where the notebook that trained a row shows its scores; None where it has not run."""
        for item in self.notebooks:
            if item.stem == f"04_experiment-{experiment}":
                found = item.find(r"metrics\.scores\(")
                return f"{item.page}#{found[0]}" if found else item.page
        return None

    def cell(self, *patterns: str) -> tuple[str, str] | None:
        """Address and alternative text of the cell that made something: where the first pattern occurs in the code."""
        for pattern in patterns:
            for item in self.notebooks:
                found = item.find(pattern)
                if found:
                    return f"{item.page}#{found[0]}", found[1]
        return None


def read(name: str) -> Run:
    """Everything there is of a run.

    Raises:
        lib.params.ParameterError: there is neither a file params/runs/<name>.yaml nor a folder results/<name>.
    """
    at = paths.Paths(name)
    own = params.RUNS / f"{name}.yaml"
    if not at.results.is_dir():
        params.read_yaml(own)
    record = provenance.write(name)
    values = {entry["key"]: entry["value"] for entry in record["parameters"]}
    variants = list(values.get("experiments", [])) if isinstance(values.get("experiments"), list) else []
    run = Run(name, at, record, values, notebook.read_all(at.notebooks, variants))
    run.missing += _missing(run)
    return run


def _missing(run: Run) -> list[str]:
    """The notebooks, rows, tables and figures that a whole run has and this one has not."""
    lines = []
    executed = {item.group for item in run.notebooks}
    for path in sorted(paths.NOTEBOOKS.glob("[0-9]*.ipynb")):
        if path.stem not in executed:
            lines.append(f"Notebook {path.stem} has not been run.")
    for item in run.notebooks:
        if item.failure:
            lines.append(f"Notebook {item.stem} stopped: {item.failure}")
    untrained = [name for name in run.experiments if run.metrics(name) is None]
    if untrained:
        lines.append(f"Rows of Table 1 not trained yet: {', '.join(untrained)}.")
    for path, what in (
        (run.at.table1, "Table 1"),
        (run.at.claims, "The claims' verdicts"),
        (errata_file(run), "The errata"),
    ):
        if not path.is_file():
            lines.append(f"{what} ({paths.show(path)}) has not been made.")
    figures = [name for name in FIGURES if not (run.at.figures / f"{name}.png").is_file()]
    if figures:
        lines.append(f"Figures not made yet: {', '.join(name.removeprefix('figure_') for name in figures)}.")
    folders = {
        "Prepared chest images": run.at.covidx,
        "Prepared skin images": run.at.ham10000,
        "The audit's tables": run.at.audit,
    }
    lines += [f"{what} ({paths.show(path)}) have not been made." for what, path in folders.items() if not path.is_dir()]
    return lines


def errata_file(run: Run) -> Path:
    return run.at.results / "errata.csv"
