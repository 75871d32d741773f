"""HTML from notebooks and data, made safe (nh3), complete without network (MathML) and accessible.

Everything that reaches a page passes `clean`; `polish` then gives headings their order and anchors, tables their
scopes and scroll containers, and images their alternative texts.
"""

import itertools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import nh3
from bs4 import BeautifulSoup, Tag
from latex2mathml import exceptions
from latex2mathml.converter import convert
from markupsafe import Markup, escape
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

Link = Callable[[str], tuple[str | None, Any]]

MATH_TAGS = """
math semantics mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle msub msup msubsup munder mover munderover
mmultiscripts mtable mtr mtd mpadded mphantom menclose mfenced merror
"""
MATH_ATTRIBUTES = """
display mathvariant stretchy fence form separator accent accentunder linethickness lspace rspace minsize maxsize
movablelimits largeop symmetric columnalign rowspacing columnspacing displaystyle scriptlevel width height depth
"""
TEXT_TAGS = """
a abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img kbd li mark
ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var
"""
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "abbr": {"title"},
    **{tag: {"class"} for tag in ("div", "span", "code", "pre")},
    **{tag: set(MATH_ATTRIBUTES.split()) for tag in MATH_TAGS.split()},
}
MATH_ERRORS = (
    *(kind for kind in vars(exceptions).values() if isinstance(kind, type)),
    *(ValueError, LookupError, TypeError, AttributeError, StopIteration),
)
VERDICTS = (
    *("supported", "contradicted", "undecided", "not testable", "inside", "outside", "not comparable", "undefined"),
    *("too few patients", "not run"),
)
NUMBER = re.compile(r"[-−+]?[\d,.  ]+(e[-+]?\d+)? ?%?|nan|NaN|–")
INTERVAL = re.compile(r"(\[[-−+\d.,%]+) ([-−+\d.,%]+\])")
TALL = 40  # tables with more rows scroll under their head
PROSE = 110  # printed lines longer than this are sentences, not columns, and may be broken
BLOCKS_OF_CODE = re.compile(r"^(highlight|[a-z]{1,2}[0-9]?|err|language-[a-z0-9]+)$")


def clean(source: str) -> Markup:
    """The HTML without scripts, styles, event handlers, forms, frames and foreign classes.

    Images may only be embedded (`data:`) or lie beside the page; links may lead anywhere by http(s) or inside.
    """
    return Markup(
        nh3.clean(
            source,
            tags={*TEXT_TAGS.split(), *MATH_TAGS.split()},
            clean_content_tags={"script", "style", "iframe", "object", "template", "noscript", "title"},
            attributes=ATTRIBUTES,
            attribute_filter=_attribute,
            url_schemes={"http", "https", "mailto", "data"},
            link_rel="noopener noreferrer",
        )
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "class":
        return " ".join(word for word in value.split() if BLOCKS_OF_CODE.match(word)) or None
    if name == "src":
        embedded = re.match(r"data:image/(png|jpeg|gif|svg\+xml);base64,", value)
        return value if embedded or not re.match(r"[a-z][a-z0-9+.-]*:|//", value, re.IGNORECASE) else None
    if name == "href" and value.lower().startswith("data:"):
        return None
    return value


class _Renderer(IPythonRenderer):
    """nbconvert's Markdown renderer, with formulas as MathML in place of a script from the network."""

    def block_math(self, body: str) -> str:
        return f"<div>{math(body, display='block')}</div>"

    def inline_math(self, body: str) -> str:
        return math(body)

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


def math(latex: str, display: str = "inline") -> str:
    """MathML of a LaTeX formula, or the formula as code where it cannot be read."""
    try:
        return convert(latex.strip(), display=display)
    except MATH_ERRORS:
        return f"<code>{escape(latex)}</code>"


def markdown(source: str, attachments: dict | None = None) -> Markup:
    """Markdown with formulas, tables and attachments (nbconvert's dialect) as clean HTML."""
    renderer = _Renderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    return clean(MarkdownWithMath(renderer=renderer).render(source))


def clean_output(source: str) -> Markup:
    """A cell's text/html as clean HTML; its headings become bold paragraphs, since the page's outline is not theirs."""
    soup = BeautifulSoup(clean(_bold_kept(source)), "html.parser")
    for heading in soup.find_all(re.compile("^h[1-6]$")):
        heading.name = "strong"
        heading.wrap(soup.new_tag("p"))
    return Markup(str(soup))


def _bold_kept(source: str) -> str:
    """pandas' Styler makes cells bold in a style sheet, which `clean` removes; their texts become <strong> instead."""
    sheets = " ".join(re.findall(r"<style[^>]*>(.*?)</style>", source, re.DOTALL))
    rules = re.findall(r"([^{}]+)\{[^{}]*font-weight: *bold[^{}]*\}", sheets)
    bold = {name for rule in rules for name in re.findall(r"#([\w-]+)", rule)}
    if not bold:
        return source
    soup = BeautifulSoup(source, "html.parser")
    for cell in soup.find_all("td", id=list(bold)):
        strong = soup.new_tag("strong")
        strong.extend(list(cell.contents))
        cell.append(strong)
    return str(soup)


def slug(text: str) -> str:
    """The text as an anchor: lower case, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"


class Heading(NamedTuple):
    level: int
    anchor: str
    text: str


class Section(NamedTuple):
    """What the search finds: the text, without code, from one heading to the next."""

    anchor: str  # empty before the first heading
    heading: str
    text: str


class Polished(NamedTuple):
    """A page's body after `polish`.

    Attributes:
        html: the body.
        headings: those below the title.
        sections: its text.
        addresses: of links that leave the report, in the order of their marks, for paper.
        undescribed: images without description.
    """

    html: Markup
    headings: list[Heading]
    sections: list[Section]
    addresses: list[str]
    undescribed: list[str]


def polish(body: str, link: Link) -> Polished:
    """Gives a page's body headings in order, table scopes, scroll containers, alternative texts and links that lead.

    Args:
        body: clean HTML, without the page's own title (level 1).
        link: where a relative link leads, seen from the page (None takes the link away and keeps its text), and the
            page of the notebook that made the file, if known.
    """
    soup = BeautifulSoup(body, "html.parser")
    used = {"content", "contents", *(tag["id"] for tag in soup.find_all(id=True))}
    headings, undescribed = _headings(soup, used), []
    for number, table in enumerate(soup.find_all("table"), 1):
        _scopes(table, soup)
        if not table.find_parent(class_="scroll"):
            label = table.caption.get_text(" ", strip=True) if table.caption else f"Table {number} of this page"
            _scrolling(table, soup, label, tall=len(table.find_all("tr")) > TALL)
    for number, block in enumerate(soup.select("div.text pre"), 1):
        if max(map(len, block.get_text().splitlines()), default=0) > PROSE:
            block["class"] = "wrap"
        else:
            _scrolling(block, soup, f"Text output {number} of this page")
    for number, formula in enumerate(soup.select('math[display="block"]'), 1):
        _scrolling(formula, soup, f"Formula {number} of this page")
    for image in soup.find_all("img"):
        if not image.get("src"):
            image.replace_with(image.get("alt", ""))
        elif not image.get("alt"):
            undescribed.append(image["src"])
            before = image.find_previous(re.compile("^h[1-6]$"))
            where = f" in the section “{before.get_text(' ', strip=True)}”" if before else ""
            image["alt"] = f"Figure{where}; the notebook gives no description of it."
    sections, addresses = _sections(soup), []
    for anchor in soup.find_all("a", href=True):
        _lead(anchor, link, used, soup)
        if anchor.get("href", "").startswith("http"):
            if anchor["href"] not in addresses:
                addresses.append(anchor["href"])
            anchor["data-note"] = str(addresses.index(anchor["href"]) + 1)
    for image in soup.select("figure > img"):
        image.wrap(soup.new_tag("a", attrs={"class": "enlarge", "href": image["src"]}))
    return Polished(Markup(str(soup)), headings, sections, addresses, undescribed)


def _sections(soup: BeautifulSoup) -> list[Section]:
    found = [("", "", [])]
    for node in soup.descendants:
        if isinstance(node, Tag):
            if re.fullmatch("h[1-6]", node.name):
                found.append((node["id"], node.get_text(" ", strip=True), []))
        elif node.strip() and not node.find_parent(["details", "math", re.compile("^h[1-6]$")]):
            found[-1][2].append(node)
    return [Section(anchor, heading, " ".join(" ".join(texts).split())) for anchor, heading, texts in found]


def _headings(soup: BeautifulSoup, used: set[str]) -> list[Heading]:
    """Levels start at 2 and never skip one downwards; every heading gets an anchor of its own."""
    found, outer = [], []
    for tag in soup.find_all(re.compile("^h[1-6]$")):
        outer = [level for level in outer if level < int(tag.name[1])] + [int(tag.name[1])]
        level, text = min(len(outer) + 1, 6), tag.get_text(" ", strip=True)
        anchors = itertools.chain([slug(text)], (f"{slug(text)}-{count}" for count in itertools.count(2)))
        anchor = next(anchor for anchor in anchors if anchor not in used)
        used.add(anchor)
        tag.name, tag["id"] = f"h{level}", anchor
        found.append(Heading(level, anchor, text))
    return found


def _scopes(table: Tag, soup: BeautifulSoup) -> None:
    """Header cells say what they head; empty ones become plain cells; verdicts become badges, intervals stay whole."""
    _merge_index_names(table)
    for cell in table.find_all("th"):
        if not cell.get_text(strip=True):
            cell.name = "td"
            cell.attrs.pop("scope", None)
            continue
        in_head = cell.find_parent("thead") is not None
        span = str(cell.get("colspan" if in_head else "rowspan", "1"))
        several = span.isdigit() and int(span) > 1
        cell["scope"] = cell.get("scope") or (("col" if in_head else "row") + ("group" if several else ""))
    for cell in table.find_all("td"):
        if cell.get_text(strip=True) in VERDICTS and cell.string:
            badge = cell.string.wrap(soup.new_tag("span"))
            badge["class"] = ["badge", f"verdict-{slug(badge.get_text())}"]
        elif cell.string:
            cell.string.replace_with(INTERVAL.sub("\\1\u00a0\\2", cell.string))
    _align_numbers(table)


def _merge_index_names(table: Tag) -> None:
    """pandas gives the index's name a header row of its own; it moves into the empty cells of the row above."""
    rows = table.thead.find_all("tr") if table.thead else []
    if len(rows) < 2:
        return
    above, names = (row.find_all(["th", "td"]) for row in rows[-2:])
    named = [place for place, cell in enumerate(names) if cell.get_text(strip=True)]
    fits = len(above) == len(names) and not any(cell.get("colspan") for cell in above)
    if fits and named and not any(above[place].get_text(strip=True) for place in named):
        for place in named:
            above[place].replace_with(names[place])
        rows[-1].decompose()


def _align_numbers(table: Tag) -> None:
    """Columns that hold numbers only, and their headers, are aligned as numbers are."""
    body = [row.find_all(["th", "td"]) for row in table.find_all("tr") if row.find_parent("thead") is None]
    heads = [row.find_all(["th", "td"]) for row in table.thead.find_all("tr")[-1:]] if table.thead else []
    for place in range(max(map(len, body), default=0)):
        column = [row[place] for row in body if len(row) > place]
        if all(cell.name == "td" and NUMBER.fullmatch(cell.get_text(strip=True)) for cell in column):
            column += [row[place] for row in heads if len(row) == len(body[0])]
            for cell in column:
                cell["class"] = [*cell.get("class", []), "number"]


def _scrolling(tag: Tag, soup: BeautifulSoup, label: str, tall: bool = False) -> None:
    about = {"class": "scroll tall" if tall else "scroll", "tabindex": "0", "role": "group", "aria-label": label}
    tag.wrap(soup.new_tag("div", attrs=about))


def _lead(anchor: Tag, link: Link, used: set[str], soup: BeautifulSoup) -> None:
    href, maker = anchor["href"], None
    if re.match(r"(https?|mailto):", href):
        return
    if href.startswith("#"):
        target = href if href[1:] in used else None
    else:
        target, maker = link(href)
        anchor.attrs.pop("rel", None)
    if target is None:
        anchor.unwrap()
        return
    anchor["href"] = target
    if maker:
        made = soup.new_tag("a", href=maker.file)
        made.string = maker.stem
        anchor.insert_after(" (made in ", made, ")")
