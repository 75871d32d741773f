"""Executed notebooks as pages: read, put in order, and turned into HTML by nbconvert with the template `notebook`."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import ExtractOutputPreprocessor

from workflow.report import html

TEMPLATES = Path(__file__).parent / "templates"
KEPT_OUTPUTS = ("image/png", "image/jpeg", "image/svg+xml", "text/html", "text/markdown", "text/latex", "text/plain")
INTERACTIVE = "application/vnd.jupyter.widget-view+json"
STOPPED = ".failed"  # workflow.execute keeps what ran of a stopped notebook as <name>.failed.ipynb
PAPERMILL_NOTICES = {"papermill-error-cell-tag"}


@dataclass
class Executed:
    """One executed notebook.

    Attributes:
        path: the .ipynb file.
        group: name of the notebook it was made from (`04_experiment`).
        variant: what tells its executions apart (`RN4`), empty where there is one.
        title: the first heading, without its mark.
        cells: the cells of the page, tidied: anchors, kept outputs, the title taken out.
        parameters: what papermill passed to it.
        seconds: duration that papermill noted, None where it noted none.
        failure: the error's last line where a cell failed, else empty.
        unfinished: code cells after the last one that ran.
    """

    path: Path
    group: str
    variant: str
    title: str
    cells: list[Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    failure: str = ""
    unfinished: int = 0

    @property
    def stem(self) -> str:
        return self.path.stem.removesuffix(STOPPED)

    @property
    def page(self) -> str:
        return f"{html.slug(self.stem) if not re.fullmatch(r'[A-Za-z0-9_-]+', self.stem) else self.stem}.html"

    @property
    def name(self) -> str:
        """The title as a list of pages shows it."""
        return f"{self.variant}: {self.title}" if self.variant else self.title

    def find(self, pattern: str) -> tuple[str, str] | None:
        """Anchor and alternative text of the last code cell whose source matches, None where none does."""
        for cell in reversed(self.cells):
            if cell.cell_type == "code" and re.search(pattern, cell.source):
                return cell.metadata.anchor, cell.metadata.get("alt", "")
        return None


def read(path: Path) -> Executed:
    """Reads an executed notebook, also one in which a cell failed.

    Raises:
        ValueError: the file is no notebook.
    """
    try:
        node = nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ValueError(
            f"{path}: not a notebook ({str(error).splitlines()[0]}); delete it and run its step again"
        ) from error
    stem = path.stem.removesuffix(STOPPED)
    group, _, variant = stem.partition("-")
    record = node.metadata.get("papermill", {})
    cells = [cell for cell in node.cells if not PAPERMILL_NOTICES & set(cell.metadata.get("tags", []))]
    title = _take_title(cells) or stem
    failure = _tidy(cells)
    seconds = record.get("duration")
    return Executed(
        path=path,
        group=group,
        variant=variant,
        title=title,
        cells=cells,
        parameters=dict(record.get("parameters", {})),
        seconds=None if seconds is None else float(seconds),
        failure=failure,
        unfinished=_unfinished(cells),
    )


def read_all(folder: Path, variants: list[str]) -> list[Executed]:
    """Every executed notebook of a run: by number, then by variant in the order of `variants`, others after them."""
    rank = {name: place for place, name in enumerate(variants)}

    def place(notebook: Executed):
        first, _, repeat = notebook.variant.partition("-")
        return notebook.group, rank.get(notebook.variant, rank.get(first, len(rank))), first, len(repeat), repeat

    paths = {path.stem.removesuffix(STOPPED): path for path in sorted(folder.glob("[!.]*.ipynb"), key=_stopped_last)}
    return sorted((read(path) for path in paths.values()), key=place)


def _stopped_last(path: Path) -> tuple[bool, str]:
    """A stopped execution is younger than the whole one beside it, so it is the one to show."""
    return path.stem.endswith(STOPPED), path.stem


def source_title(path: Path) -> str:
    """The title of a notebook that was not executed."""
    return _take_title(nbformat.read(path, as_version=4).cells) or path.stem


def _take_title(cells: list[Any]) -> str:
    """Removes the first heading of level 1 from its cell and returns its text."""
    for cell in cells:
        if cell.cell_type != "markdown":
            continue
        found = re.search(r"^# +(.+?) *#* *$", cell.source, re.MULTILINE)
        if found:
            cell.source = (cell.source[: found.start()] + cell.source[found.end() :]).strip()
            return re.sub(r"[*`]", "", found[1])
    return ""


def _tidy(cells: list[Any]) -> str:
    """Gives each cell an anchor and keeps the outputs that a page can show; returns the last error's line.

    Standard error is left out of cells that succeeded: it holds the libraries' dated log lines, which differ from run
    to run and stay in the executed notebook.
    """
    failure, used = "", set()
    for number, cell in enumerate(cells, 1):
        wanted = cell.metadata.get("name") or cell.get("id") or f"cell-{number}"
        anchor = html.slug(str(wanted))
        cell.metadata["anchor"] = anchor if anchor not in used else f"{anchor}-{number}"
        used.add(cell.metadata["anchor"])
        if cell.cell_type != "code":
            continue
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
        if picture and picture in pictures:
            continue
        pictures.append(picture)
        before = joined[-1] if joined else {}
        if output.output_type == "stream" and output.get("name") == before.get("name"):
            before.text += output.text
        else:
            joined.append(output)
    return joined


def _showable(output: Any) -> Any | None:
    if "data" not in output:
        return output
    if INTERACTIVE in output.data:
        text = "(an interactive control stands here when the notebook is open in JupyterLab)"
        return nbformat.v4.new_output("display_data", data={"text/plain": text})
    output.data = {kind: output.data[kind] for kind in KEPT_OUTPUTS if kind in output.data}
    images = [kind for kind in output.data if kind.startswith("image/")]
    if images:
        output.data = {images[0]: output.data[images[0]]}
    return output if output.data else None


def _unfinished(cells: list[Any]) -> int:
    ran = [bool(cell.get("execution_count") or cell.outputs) for cell in cells if cell.cell_type == "code"]
    return len(ran) - max((place for place, done in enumerate(ran, 1) if done), default=0)


def converter() -> HTMLExporter:
    """nbconvert with this project's template and filters; one serves all notebooks."""
    exporter = HTMLExporter(
        template_name="notebook",
        extra_template_basedirs=[str(TEMPLATES)],
        filters={"markdown2html": _markdown_filter, "clean_output": html.output},
    )
    images = ExtractOutputPreprocessor(
        enabled=True,
        extract_output_types={"image/png", "image/jpeg", "image/svg+xml"},
        output_filename_template="{unique_key}-{cell_index}-{index}{extension}",
    )
    exporter.register_preprocessor(images, enabled=True)
    return exporter


@pass_context
def _markdown_filter(context, source: str) -> str:
    return html.markdown(source, context["cell"].get("attachments"))


def render(notebook: Executed, exporter: HTMLExporter, link) -> tuple[html.Polished, dict[str, bytes]]:
    """The body of the notebook's page, and its images by their path beside the page.

    Args:
        notebook: what `read` gave.
        exporter: what `converter` gave.
        link: where a relative link of the notebook leads (see `html.polish`).
    """
    node = nbformat.v4.new_notebook(cells=notebook.cells, metadata={"language_info": {"name": "python"}})
    resources = {"unique_key": notebook.stem, "output_files_dir": "images"}
    body, resources = exporter.from_notebook_node(node, resources=resources)
    return html.polish(body, link), dict(resources.get("outputs", {}))
