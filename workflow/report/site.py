"""Writes the report of a run: every page, image and file, nothing else, and only what changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from lib import files, paths
from workflow.report import notebook, overview, sheets, statements
from workflow.report import run as runs
from workflow.report.tables import text

HERE = Path(__file__).parent


@dataclass
class Page:
    """One page.

    Attributes:
        file: its name.
        title: its heading.
        short: its name in the contents.
        template: the template that renders it, without `.html.j2`.
        part: where it stands in the contents: start, notebooks or about.
        kicker: the line over the title.
        group: for one execution of several, the notebook's name.
        flag: a word beside its name in the contents.
        context: what its template gets.
    """

    file: str
    title: str
    short: str
    template: str
    part: str
    kicker: str = ""
    group: str = ""
    flag: str = ""
    context: dict[str, Any] = field(default_factory=dict)


class Site:
    """The pages of one run and what lies beside them.

    Attributes:
        contents: bytes, or the file to copy, of everything in the report's folder.
        undescribed: images of notebooks whose cells have no alternative text.
    """

    def __init__(self, run: runs.Run):
        self.run = run
        self.contents: dict[str, bytes | Path] = {}
        self.undescribed: list[str] = []
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters["text"] = text
        self.environment.globals["run"] = run

    def address(self, path: Path) -> str:
        """Has a file of the run copied beside the pages and gives its address there."""
        at = self.run.at
        if path.is_relative_to(at.figures):
            address = f"figures/{path.relative_to(at.figures).as_posix()}"
        else:
            root = at.results if path.is_relative_to(at.results) else paths.ROOT
            address = f"files/{path.relative_to(root).as_posix()}"
        self.contents[address] = path
        return address

    def build(self) -> None:
        """Renders every page into `contents`."""
        pages = [*self._results(), *self._notebooks(), *self._about()]
        for place, page in enumerate(pages):
            before = pages[place - 1] if place else None
            after = pages[place + 1] if place + 1 < len(pages) else None
            template = self.environment.get_template(f"{page.template}.html.j2")
            rendered = template.render(page=page, pages=pages, before=before, after=after, **page.context)
            self.contents[page.file] = (rendered.strip() + "\n").encode()
        for path in sorted((HERE / "static").iterdir()):
            self.contents[f"static/{path.name}"] = path

    def _results(self) -> Iterator[Page]:
        run = self.run
        table1, claims, errata = (run.frame(path) for path in (run.at.table1, run.at.claims, runs.errata_file(run)))
        tally = None if claims is None else statements.tallied(claims)
        judged = self._statements(claims, "claims", run.at.claims)
        context = {
            "tiles": overview.tiles(run, table1, claims),
            "table1": None if table1 is None else overview.table1(run, table1, self.address(run.at.table1)),
            "figures": overview.figures(run, self.address),
            "tally": tally,
            "claims": statements.table(run, judged["items"], judged["source"]) if judged["items"] else None,
            "errata_count": 0 if errata is None else len(errata),
            "missing": run.missing,
        }
        yield Page("index.html", "The paper again, number by number", "Overview", "index", "start", context=context)
        title = "Does the paper’s text hold?"
        yield Page("claims.html", title, "Claims", "claims", "start", "Claims", context={"tally": tally, **judged})
        title, context = (
            "Where text, numbers and code differ",
            self._statements(errata, "errata", runs.errata_file(run)),
        )
        yield Page("errata.html", title, "Errata", "errata", "start", "Errata", context=context)

    def _statements(self, frame, name: str, path: Path) -> dict[str, Any]:
        there = frame is not None and len(frame)
        return {
            "items": statements.read(frame, self.address) if there else [],
            "cell": statements.made_in(self.run, name),
            "source": self.address(path) if there else None,
        }

    def _notebooks(self) -> Iterator[Page]:
        exporter, executed = notebook.converter(), self.run.notebooks
        pages = {item.stem: item.page for item in executed}
        pages |= {item.group: f"{item.group}.html" for item in executed if item.variant}
        opened = set()
        for item in executed:
            if item.variant and item.group not in opened:
                opened.add(item.group)
                yield self._group(item.group)
            body, images = notebook.render(item, exporter, lambda href: _page_of(href, pages))
            self.contents |= images
            self.undescribed += body.undescribed
            yield Page(
                file=item.page,
                title=item.name,
                short=item.variant or f"{_number(item.stem)}{item.title}",
                template="notebook_page",
                part="notebooks",
                kicker=f"Notebook {item.group}" + (f" · {item.variant}" if item.variant else ""),
                group=item.group if item.variant else "",
                flag="stopped" if item.failure else "",
                context={"body": body, "item": item, "source": paths.show(item.path)},
            )

    def _group(self, group: str) -> Page:
        members = [item for item in self.run.notebooks if item.group == group and item.variant]
        source = paths.NOTEBOOKS / f"{group}.ipynb"
        title = notebook.source_title(source) if source.is_file() else members[0].title
        scores = sheets.experiments_table(self.run, self.address) if group == "04_experiment" else None
        context = {"members": members, "data": scores}
        short = f"{_number(group)}{title}"
        return Page(f"{group}.html", title, short, "group", "notebooks", f"Notebook {group}", context=context)

    def _about(self) -> Iterator[Page]:
        run, tables = self.run, []
        for folder, name, unit in ((run.at.covidx, "COVIDx", "patients"), (run.at.ham10000, "HAM10000", "lesions")):
            index, excluded = folder / "index.csv", folder / "excluded.csv"
            if index.is_file():
                tables.append(sheets.split_table(run, folder, name, unit, self.address(index)))
            if excluded.is_file():
                tables.append(sheets.excluded_table(run, folder, name, self.address(excluded)))
        tables = [table for table in tables if table]
        context = {"tables": tables, "audit": sheets.audit_tables(run, self.address)}
        kicker = "After Gebru et al., Datasheets for Datasets"
        yield Page("data.html", "Data sheet", "Data sheet", "data", "about", kicker, context=context)
        context = {"scores": sheets.experiments_table(run, self.address)}
        kicker = "After Mitchell et al., Model Cards for Model Reporting"
        yield Page("models.html", "Model card", "Model card", "models", "about", kicker, context=context)
        context = {
            "tables": sheets.provenance_tables(run),
            "record": run.record,
            "source": self.address(run.at.provenance),
        }
        title = "Where these results come from"
        yield Page("provenance.html", title, "Provenance", "provenance", "about", "Provenance", context=context)

    def write(self) -> Path:
        """Makes the report's folder hold exactly `contents`; files that are equal already are left alone."""
        folder = self.run.at.report
        for address, content in self.contents.items():
            data = content.read_bytes() if isinstance(content, Path) else content
            target = folder / address
            if not target.is_file() or target.read_bytes() != data:
                with files.replacing(target) as temporary:
                    temporary.write_bytes(data)
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(folder).as_posix() not in self.contents:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        return folder / "index.html"


def build(name: str) -> tuple[Path, Site]:
    """Builds the report of a run.

    Returns:
        the first page's path, and the site (its run lists what is missing).

    Raises:
        lib.params.ParameterError: there is no such run.
    """
    site = Site(runs.read(name))
    site.build()
    return site.write(), site


def _page_of(href: str, pages: dict[str, str]) -> str | None:
    """The page of a notebook that another one links to, with its anchor; None for any other file."""
    path, _, anchor = href.partition("#")
    name = Path(path).name
    page = pages.get(name.removesuffix(".ipynb")) if name.endswith(".ipynb") else None
    return f"{page}#{anchor}" if page and anchor else page


def _number(stem: str) -> str:
    """`05 ` of `05_performance`."""
    first = stem.split("_")[0]
    return f"{first} " if first.isdigit() else ""
