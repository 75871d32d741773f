"""Executed notebooks as the site shows them: read, whole or stopped, tidied, and put in reading order."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from lib import files, params, paths
from workflow.report import html

KEPT_OUTPUTS = ("image/png", "image/jpeg", "image/svg+xml", "text/html", "text/markdown", "text/latex", "text/plain")
INTERACTIVE = "application/vnd.jupyter.widget-view+json"
STOPPED = ".failed"  # workflow.execute keeps what ran of a stopped notebook as <name>.failed.ipynb
PAPERMILL_NOTICES = {"papermill-error-cell-tag"}
OVERVIEW = "11_overview"
PARAMETERS, INJECTED = "parameters", "injected-parameters"  # tags of the cells that hold them
ABOUT = "9"  # notebooks whose numbers begin so tell about the run


@dataclass
class Page:
    """One page: an executed notebook, or a list of links in a notebook's shape."""

    stem: str  # the notebook's name; `04_experiment-RN4` is the execution `RN4` of `04_experiment`
    title: str  # the first heading, without its mark
    cells: list[Any]  # tidied: anchors, kept outputs, the title taken out
    source: str = ""  # the file, as a person would type it; empty for a list
    failure: str = ""  # the error's line where a cell failed
    unfinished: int = 0  # code cells after the last one that ran

    @property
    def group(self) -> str:
        return self.stem.partition("-")[0]

    @property
    def variant(self) -> str:
        return self.stem.partition("-")[2]

    @property
    def part(self) -> str:
        """Where it stands in the contents."""
        return "Results" if self.stem == OVERVIEW else "About this run" if self.stem.startswith(ABOUT) else "Notebooks"

    @property
    def file(self) -> str:
        name = "index" if self.stem == OVERVIEW else self.stem
        return f"{name if re.fullmatch(r'[A-Za-z0-9_-]+', name) else html.slug(name)}.html"

    @property
    def anchors(self) -> set[str]:
        """What a link to the page may name: its cells and headings."""
        texts = [cell.source for cell in self.cells if cell.cell_type == "markdown"]
        headings = {html.slug(found) for text in texts for found in re.findall(r"^#+ +(.+)$", text, re.MULTILINE)}
        return headings | {cell.metadata.anchor for cell in self.cells}

    @property
    def name(self) -> str:
        """The heading: the title, after what tells executions of one notebook apart."""
        return f"{self.variant}: {self.title}" if self.variant else self.title

    @property
    def kicker(self) -> str:
        """The line over the heading."""
        return f"Notebook {self.group}" + (f" · {self.variant}" if self.variant else "")

    @property
    def short(self) -> str:
        """The name in the contents."""
        number, _, words = self.stem.partition("_")
        if self.part == "Notebooks":
            return self.variant or (f"{number} {self.title}" if number.isdigit() else self.title)
        return words.replace("_", " ").capitalize()


def read_page(path: Path) -> Page:
    """Reads an executed notebook, also one in which a cell failed.

    Raises:
        ValueError: the file is no notebook.
    """
    try:
        node = nbformat.read(files.check(path), as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"{path}: not a notebook ({first}); delete it and run its step again") from error
    stem = path.stem.removesuffix(STOPPED)
    cells = [cell for cell in node.cells if not PAPERMILL_NOTICES & set(cell.metadata.get("tags", []))]
    title = _take_title(cells) or stem
    _merge_parameters(cells)
    failure = _tidy(cells)
    return Page(stem, title, cells, paths.show(path), failure, _unfinished(cells))


def listing(stem: str, title: str, text: str) -> Page:
    """A page of Markdown that no notebook holds."""
    cell = nbformat.v4.new_markdown_cell(text, metadata={"anchor": "cell-1"})
    return Page(stem, title, [cell])


def read_pages(folder: Path, variants: list[str]) -> list[Page]:
    """Every executed notebook of a run, a search's trials aside: by number, then by variant in the order of `variants`,
    others after them."""
    rank = {name: place for place, name in enumerate(variants)}

    def place(page: Page):
        first, _, repeat = page.variant.partition("-")
        return page.group, rank.get(page.variant, rank.get(first, len(rank))), first, len(repeat), repeat

    # a stopped execution is younger than the whole one beside it, so it is the one to show
    found = [path for path in folder.glob("[!.]*.ipynb") if params.TRIAL not in path.stem]
    found.sort(key=lambda path: path.stem.endswith(STOPPED))
    chosen = {path.stem.removesuffix(STOPPED): path for path in found}
    return sorted((read_page(path) for path in chosen.values()), key=place)


def source_title(stem: str) -> str:
    """The title of a notebook of notebooks/, without running it."""
    path = paths.NOTEBOOKS / f"{stem}.ipynb"
    return _take_title(nbformat.read(path, as_version=4).cells) if path.is_file() else ""


def _take_title(cells: list[Any]) -> str:
    """Removes the first heading of level 1 from its cell and returns its text."""
    for cell in cells:
        found = cell.cell_type == "markdown" and re.search(r"^# +(.+?) *#* *$", cell.source, re.MULTILINE)
        if found:
            cell.source = (cell.source[: found.start()] + cell.source[found.end() :]).strip()
            return re.sub(r"[*`]", "", found[1])
    return ""


def _merge_parameters(cells: list[Any]) -> None:
    """Parameters once: the notebook's cell, with its comments, takes the values of the cell that papermill added."""
    tagged = {tag: cell for cell in cells for tag in cell.metadata.get("tags", []) if tag in (PARAMETERS, INJECTED)}
    if len(tagged) < 2:
        return
    values = dict(re.findall(r"^(\w+) = (.+)$", tagged[INJECTED].source, re.MULTILINE))

    def given(line: re.Match) -> str:
        return f"{line[1]} = {values.get(line[1], line[2])}{line[3] or ''}"

    own = tagged[PARAMETERS]
    own.source = re.sub(r"^(\w+) = (.*?)(  # .*)?$", given, own.source, flags=re.MULTILINE)
    cells.remove(tagged[INJECTED])


def _does(cell: Any) -> str:
    """What the code of a cell does, in the words over its fold."""
    if PARAMETERS in cell.metadata.get("tags", []):
        return "Parameters"
    name = str(cell.metadata.get("name", "")).replace("-", " ")
    return f"Code: {name}" if name else "Code: imports" if re.match(r"(from|import) ", cell.source) else "Code"


def _tidy(cells: list[Any]) -> str:
    """Gives each cell an anchor and keeps the outputs that a page can show; returns the last error's line.

    Anchors are names or positions: papermill draws the ids of the cells that it adds, so they differ from run to run.
    So do the libraries' dated log lines, hence standard error is shown only where a cell failed.
    """
    failure, used = "", set()
    for number, cell in enumerate(cells, 1):
        anchor = html.slug(str(cell.metadata.get("name") or f"cell-{number}"))
        cell.metadata["anchor"] = anchor if anchor not in used else f"{anchor}-{number}"
        used.add(cell.metadata["anchor"])
        if cell.cell_type != "code":
            cell.metadata["about"] = cell.source.startswith("**Inputs**")
            continue
        cell.metadata["does"] = _does(cell)
        errors = [output for output in cell.outputs if output.output_type == "error"]
        cell.metadata["failed"] = bool(errors)
        if errors:
            failure = f"{errors[-1].ename}: {errors[-1].evalue}".strip().splitlines()[0]
        kept = [output for output in cell.outputs if errors or output.get("name") != "stderr"]
        cell.outputs = _joined([tidied for output in kept if (tidied := _showable(output)) is not None])
    return failure


def _joined(outputs: list[Any]) -> list[Any]:
    """Printed text that arrived in pieces, such as a line an epoch, as one output; a picture shown twice once."""
    joined, pictures = [], []
    for output in outputs:
        picture = {kind: data for kind, data in output.get("data", {}).items() if kind.startswith("image/")}
        if joined and output.output_type == "stream" and output.name == joined[-1].get("name"):
            joined[-1].text += output.text
        elif not picture or picture not in pictures:
            joined.append(output)
            pictures.append(picture)
    return joined


def _showable(output: Any) -> Any | None:
    if "data" not in output:
        return output
    if INTERACTIVE in output.data:
        text = "(an interactive control stands here when the notebook is open in JupyterLab)"
        return nbformat.v4.new_output("display_data", data={"text/plain": text})
    kept = [kind for kind in KEPT_OUTPUTS if kind in output.data]
    if kept and kept[0].startswith("image/"):
        kept = kept[:1]
    output.data = {kind: output.data[kind] for kind in kept}
    return output if kept else None


def _unfinished(cells: list[Any]) -> int:
    ran = [bool(cell.get("execution_count") or cell.outputs) for cell in cells if cell.cell_type == "code"]
    return len(ran) - max((place for place, done in enumerate(ran, 1) if done), default=0)
