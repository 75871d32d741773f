"""What the Snakefile asks about notebooks: which library files and which parameters each of them depends on."""

import ast
import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from lib import params
from lib.params import Params, listed_in
from lib.paths import NOTEBOOKS, ROOT, Paths


def packed(changes: dict[str, Any]) -> str:
    """SET's values as one word that passes Snakemake's `--config` untouched (its own parser makes numbers text)."""
    return "json" + quote(json.dumps(changes, sort_keys=True), safe="")


def unpacked(text: str) -> dict[str, Any]:
    """What `packed` was given."""
    return json.loads(unquote(text.removeprefix("json")))


def sources(notebook: str) -> list[str]:
    """The notebook and every file that it imports, directly or not, as paths relative to the project.

    Those are files of lib, and of workflow only where the notebook or what it imports names them.

    Args:
        notebook: its name without `.ipynb`.
    """
    path = NOTEBOOKS / f"{notebook}.ipynb"
    found, waiting = set(), [path]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imports(file)
    return [str(file.relative_to(ROOT)) for file in [path, *sorted(found - {path})]]


def package(name: str) -> list[str]:
    """Every file of a package of `workflow/`, templates included, as paths relative to the project."""
    files = (ROOT / "workflow" / name).rglob("*")
    return [str(file.relative_to(ROOT)) for file in sorted(files) if file.is_file() and file.suffix != ".pyc"]


def values(notebook: str, checked: Params, **changed: Any) -> dict[str, Any]:
    """The values of the parameters that the notebook lists: what papermill gets, and what makes it run again.

    `checked` are the run's, or the experiment's, parameters; `changed` differ from these.
    """
    merged = checked.model_dump() | changed
    return {name: merged[name] for name in listed_in(NOTEBOOKS / f"{notebook}.ipynb")}


def asked(study: str, run: str, changes: dict[str, Any]) -> dict[str, Params]:
    """The rows that a study needs: those that it compares with, its own, and the trials of its search.

    Raises:
        lib.params.ParameterError: one of them cannot be trained with its parameters, or a space is none.
    """
    of = params.study(study)
    found = {row: params.load(run, row, changes) for row in (*of["compared_with"], *of["rows"])}
    if of["space"]:
        from lib.training import search  # scikit-learn, a second that other calls need not wait for

        whole = params.load(run, None, changes)
        for name, drawn in search.draw_trials(of["space"], whole.trials, whole.search_seed).items():
            its = params.load(run, name.partition("-")[0], changes).model_dump()
            found[name] = params.merge([("space", its | drawn | {"experiment": name, "diverging": "keep"})])
    return found


def studied(study: str, run: str, changes: dict[str, Any], at: Paths) -> dict[str, Params]:
    """The rows that a study needs, as far as the prepared images allow; none before there are.

    Args:
        study: its name, of params/studies.
        run: the run's name.
        changes: SET's values.
        at: the run's folders.
    """
    from lib.data import DataError, load, views  # seconds that other calls need not wait for

    if not (at.covidx / "index.csv").is_file():
        return {}
    chest, found = load.open_dataset(at.covidx), {}
    for row, piece in asked(study, run, changes).items():
        with suppress(DataError):  # the study's page says it
            views.restricted(chest, piece.view, piece.left_out)
            found[row] = piece
    return found


@cache
def _imports(file: Path) -> list[Path]:
    """Files of lib and workflow that a notebook or module imports; a package stands for its `__init__` file."""
    source, names = file.read_text(encoding="utf-8"), []
    if file.suffix == ".ipynb":
        cells = json.loads(source)["cells"]
        source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    files = []
    for name in names:
        parts = name.split(".")
        if parts[0] in ("lib", "workflow"):
            for length in range(1, len(parts) + 1):
                base = ROOT.joinpath(*parts[:length])
                files += [file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()]
    return files
