"""The site of a run: what nbconvert makes of its executed notebooks with one template, and the files they link to."""

import json
import re
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote

import nbformat
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import ExtractOutputPreprocessor

from lib import files, params, paths
from workflow import provenance
from workflow.report import html, notebook
from workflow.report.notebook import OVERVIEW, Page

HERE = Path(__file__).parent
COPIED = {".csv", ".json", ".yaml", ".md", ".tex", ".png", ".pdf", ".ipynb"}  # files of a run that a link may lead to


def values_of(run: str) -> dict:
    """The parameters of a run: those of its file, and over them what all its notebooks got alike."""
    passed = provenance.passed_parameters(paths.Paths(run).notebooks)
    single = {key: used[0] for key, used in passed.items() if len(used) == 1}
    own = params.of_run(run) if (params.RUNS / f"{run}.yaml").is_file() else {}
    return own | single | {"run": run}


class Site:
    """The pages of one run and what lies beside them.

    Attributes:
        at: the run's folders.
        phantoms: whether any notebook got phantoms; where none says what it got, whether the run's file says so.
        pages: every page in reading order.
        contents: bytes, or the file to copy, of everything in the report's folder.
        undescribed: images of notebooks whose cells have no alternative text.
        searched: of each section of each page its file, the page's name, and what `html.Section` holds.
    """

    def __init__(self, run: str, made_in: dict[str, str]):
        self.at = paths.Paths(run)
        if not self.at.results.is_dir():
            params.read_yaml(params.RUNS / f"{run}.yaml")  # says which runs there are
        values = values_of(run)
        given = provenance.passed_parameters(self.at.notebooks).get("data", [values.get("data")])
        self.phantoms = "phantoms" in given or (given == [None] and self.at.phantoms.is_dir())
        self.made_in = made_in
        self.contents: dict[str, bytes | Path] = {}
        self.undescribed: list[str] = []
        self.searched: list[list[str]] = []
        self.pages = self._with_lists(notebook.read_pages(self.at.notebooks, values.get("experiments", [])))
        self.at_stem = {page.stem: page for page in self.pages}

    @property
    def parts(self) -> dict[str, list[Page]]:
        """The pages by part of the contents."""
        names = dict.fromkeys(page.part for page in self.pages)
        return {name: [page for page in self.pages if page.part == name] for name in names}

    def _with_lists(self, executed: list[Page]) -> list[Page]:
        """The overview first (a list where it has not run); before the executions of one notebook a list of them."""
        there = {page.stem: page for page in executed}
        pages = [there.pop(OVERVIEW, None) or self._index(executed)]
        for page in there.values():
            if page.variant and page.group not in {known.group for known in pages}:
                members = [f"- [{one.variant}]({one.stem}.ipynb)" for one in executed if one.group == page.group]
                title = notebook.source_title(page.group) or page.title
                text = "One notebook, executed once for each of these, with parameters of its own.\n\n"
                pages.append(notebook.listing(page.group, title, text + "\n".join(members)))
            pages.append(page)
        return pages

    def _index(self, executed: list[Page]) -> Page:
        """The first page of a run whose overview has not been executed: what is there and what is not."""
        sources = [path.stem for path in sorted(paths.NOTEBOOKS.glob("[0-9]*.ipynb"))]
        there = [f"- [{page.stem}]({page.stem}.ipynb){' (stopped)' if page.failure else ''}" for page in executed]
        groups = {page.group for page in executed}
        lines = ["## What is there", *(there or ["No notebook has been executed."]), "## What is missing"]
        lines += [f"- {stem}: {notebook.source_title(stem)}" for stem in sources if stem not in groups]
        lines.append(f"`make reproduce RUN={self.at.run}` goes on from here: it runs only what is not there.")
        return notebook.listing(OVERVIEW, f"What is there of the run {self.at.run}?", "\n\n".join(lines))

    def build(self) -> None:
        """Renders every page into `contents`."""
        filters = {"markdown2html": _markdown, "clean_output": html.clean_output, "polish": self._polish}
        folders = [str(HERE / "templates")]
        exporter = HTMLExporter(template_name="page", extra_template_basedirs=folders, filters=filters)
        images = ExtractOutputPreprocessor(
            extract_output_types={"image/png", "image/jpeg", "image/svg+xml"},
            output_filename_template="{unique_key}-{cell_index}-{index}{extension}",
        )
        exporter.register_preprocessor(images, enabled=True)
        for before, page, after in zip([None, *self.pages], self.pages, [*self.pages[1:], None], strict=False):
            node = nbformat.v4.new_notebook(cells=page.cells, metadata={"language_info": {"name": "python"}})
            resources = {"unique_key": Path(page.file).stem, "output_files_dir": "images", "site": self}
            resources |= {"page": page, "before": before, "after": after}
            resources["executed"] = self._copied((paths.ROOT / page.source).resolve()) if page.source else ""
            text, resources = exporter.from_notebook_node(node, resources)
            self.contents[page.file] = text.encode()
            self.contents |= resources.get("outputs", {})
        self.contents |= {f"static/{path.name}": path for path in (HERE / "static").iterdir()}
        # a script, since a page that was opened as a file may not read another file
        self.contents["static/sections.js"] = f"window.sections = {json.dumps(self.searched)};\n".encode()

    @pass_context
    def _polish(self, context, body: str) -> html.Polished:
        page = context["resources"]["page"]
        polished = html.polish(body, partial(self.link, page))
        self.undescribed += polished.undescribed
        self.searched += [[page.file, page.name, *section] for section in polished.sections if any(section)]
        return polished

    def link(self, page: Page, href: str) -> tuple[str | None, Page | None]:
        """Where a relative link of a page leads, seen from notebooks/ as in JupyterLab.

        Returns:
            the address beside the page (None where it leads nowhere), and for a file the page of the notebook that
            made it, where `made_in` knows one.
        """
        name, _, anchor = unquote(href).partition("#")
        target = (paths.NOTEBOOKS / name).resolve()
        if target.suffix == ".ipynb":
            other = self.at_stem.get(target.stem)
            known = other and anchor in other.anchors
            return other and (f"{other.file}#{quote(anchor)}" if known else other.file), None
        if not self._may_be_copied(target):
            return None, None
        maker = self._maker(paths.show(target))
        return self._copied(target), maker if maker is not page else None

    def _maker(self, file: str) -> Page | None:
        """The page of the notebook that made a file."""
        for pattern, step in self.made_in.items():
            named = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(pattern))
            if found := re.fullmatch(named, file):
                return self.at_stem.get(step.format(**found.groupdict()))
        return None

    def _may_be_copied(self, path: Path) -> bool:
        """Files of the run and the parameters; of its data only tables: pictures of patients stay where they are."""
        if not path.is_file() or path.suffix not in COPIED or path.is_relative_to(self.at.report.resolve()):
            return False
        data = paths.ROOT / "data" / self.at.run
        folders = [self.at.results, self.at.figures, paths.ROOT / "params", *([data] * (path.suffix == ".csv"))]
        return any(path.is_relative_to(folder.resolve()) for folder in folders)

    def _copied(self, path: Path) -> str:
        """Has a file copied beside the pages and gives its address there."""
        for folder, root in (("figures", self.at.figures), ("files", self.at.results), ("files", paths.ROOT)):
            if path.is_relative_to(root.resolve()):
                address = f"{folder}/{path.relative_to(root.resolve()).as_posix()}"
                self.contents[address] = files.check(path)
                return quote(address)
        raise ValueError(f"{path}: outside the project")

    def write(self) -> None:
        """Makes the report's folder hold `contents`, and no page of an earlier report; equal files are left alone."""
        folder = self.at.report
        if folder.is_symlink():
            folder.unlink()  # what lies there is not ours
        for address, content in self.contents.items():
            data = content.read_bytes() if isinstance(content, Path) else content
            target = folder / address
            if not target.is_file() or target.read_bytes() != data:
                with files.replacing(target) as temporary:
                    temporary.write_bytes(data)
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(folder).as_posix() not in self.contents and _ours(path):
                files.remove(path)
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _ours(path: Path) -> bool:
    """Whether a report wrote a file: then it has a checksum, or was set aside for another one."""
    record = files.seal_of(path)
    return path.suffix == ".damaged" or bool(record and record.is_file())


def build_site(run: str, made_in: dict[str, str] | None = None) -> Site:
    """Builds the report of a run; its first page is results/<run>/report/index.html.

    `made_in` holds, for files of the run, relative to the project, the stem of the executed notebook that made them;
    a `{name}` in both stands for any word without a slash, as in `04_experiment-{row}`.

    Raises:
        lib.params.ParameterError: there is no such run.
    """
    site = Site(run, made_in or {})
    site.build()
    site.write()
    return site


@pass_context
def _markdown(context, source: str) -> str:
    return html.markdown(source, context["cell"].get("attachments"))
