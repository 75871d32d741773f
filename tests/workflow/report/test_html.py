"""HTML from notebooks and data: harmless, complete without network, and in order."""

import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from tests.workflow.report.synthetic import EVIL
from workflow.report import html


def polished(body, link=lambda href: (None, None)):
    """A page's body after `polish`, as a tree."""
    return BeautifulSoup(html.polish(body, link).html, "html.parser")


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<iframe src='https://example.org'></iframe>",
        "<style>body { display: none }</style>",
        "<math><mtext><script>alert(1)</script></mtext></math>",
        "<math><mrow href='javascript:alert(1)'><mi>x</mi></mrow></math>",
        "<form action='https://example.org'><input></form>",
        "<p style='background: url(https://example.org/x)'>x</p>",
    ],
)
def test_what_can_act_or_call_out_is_removed(source):
    cleaned = html.clean(source)
    assert not re.search(r"script|onerror|onload|javascript|iframe|style|form|example\.org|alert", cleaned)


def test_images_from_the_network_are_not_loaded_and_embedded_ones_are():
    assert "src" not in html.clean('<img src="https://example.org/x.png" alt="a">')
    assert "src" not in html.clean('<img src="//example.org/x.png" alt="a">')
    assert 'src="data:image/png;base64,AA=="' in html.clean('<img src="data:image/png;base64,AA==" alt="a">')


def test_formulas_become_mathml_without_a_script():
    inline = BeautifulSoup(html.markdown(r"Weight $w_c = \frac{N}{K n_c}$."), "html.parser").math
    assert inline["display"] == "inline"
    assert inline.mfrac.mi.get_text() == "N"
    block = BeautifulSoup(html.markdown("$$\\sum_k a_k$$"), "html.parser").math
    assert block["display"] == "block"


def test_a_formula_that_cannot_be_read_stands_as_code_and_a_script_inside_one_is_removed():
    assert html.math("a^<^c") == "<code>a^&lt;^c</code>"
    assert "alert" not in html.markdown(r"$\text{<script>alert(1)</script>}$")


def test_headings_start_below_the_title_never_skip_a_level_and_have_anchors_of_their_own():
    heads = polished("<h1>A</h1><h4>B</h4><h2>A</h2><h3>C d!</h3><h1>E</h1>").find_all(True)
    assert [(head.name, head["id"]) for head in heads] == [
        *(("h2", "a"), ("h3", "b"), ("h3", "a-2"), ("h4", "c-d"), ("h2", "e")),
    ]


def test_header_cells_say_what_they_head_and_empty_ones_are_plain():
    table = "<table><thead><tr><th></th><th colspan='2'>x</th></tr></thead><tbody><tr><th>r</th><td>1.5</td><td>a</td>"
    soup = polished(table)
    assert [head["scope"] for head in soup.find_all("th")] == ["colgroup", "row"]
    assert soup.thead.td is not None
    assert [cell.get("class") for cell in soup.tbody.find_all("td")] == [["number"], None]
    assert soup.find("div", class_="scroll")["tabindex"] == "0"


def test_an_image_without_description_says_so_and_is_reported():
    body = html.polish('<h2>Curves</h2><img src="a.png"><img src="b.png" alt="A curve.">', None)
    alts = [image["alt"] for image in BeautifulSoup(body.html, "html.parser").find_all("img")]
    assert alts == ["Figure in the section “Curves”; the notebook gives no description of it.", "A curve."]
    assert body.undescribed == ["a.png"]


def test_links_lead_somewhere_or_become_text():
    linked = {"n": "05_x.ipynb", "f": "../lib/x.py", "h": "#here", "g": "#gone", "w": "https://example.org/"}
    source = '<p id="here">' + "".join(f'<a href="{target}">{text}</a>' for text, target in linked.items())
    soup = polished(source, lambda href: ("05_x.html" if href == "05_x.ipynb" else None, None))
    assert [a["href"] for a in soup.find_all("a")] == ["05_x.html", "#here", "https://example.org/"]
    assert soup.get_text() == "nfhgw"


def test_the_index_name_of_a_pandas_table_joins_the_header_row_and_columns_of_numbers_align():
    frame = pd.DataFrame({"value": [1.5, 2.0], "word": ["3", "b"]}, index=pd.Index(["x", "y"], name="score"))
    soup = polished(html.clean_output(frame.to_html()))
    heads = [(cell.get_text(), cell.get("class"), cell["scope"]) for cell in soup.thead.find_all("th")]
    assert heads == [("score", None, "col"), ("value", ["number"], "col"), ("word", None, "col")]
    assert [cell.get("class") for cell in soup.find_all("td")] == [["number"], None] * 2


def test_a_pandas_table_with_two_header_levels_keeps_both():
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]))
    soup = polished(html.clean_output(frame.to_html()))
    heads = [(cell.get_text(), cell["scope"]) for cell in soup.thead.find_all("th")]
    assert heads == [("a", "colgroup"), ("b", "col"), ("c", "col")]


def test_printed_columns_scroll_and_printed_sentences_wrap():
    columns, sentence = "a  b\n1  2", "word " * 30
    body = "".join(f'<div class="text"><pre>{text}</pre></div>' for text in (columns, sentence))
    soup = polished(body)
    first, second = soup.find_all("pre")
    assert "scroll" in first.parent["class"]
    assert second["class"] == ["wrap"]
    assert "scroll" not in second.parent["class"]


def test_of_an_output_headings_stay_out_of_the_outline_and_cells_that_a_styler_made_bold_stay_bold():
    assert html.clean_output("<h1>Big</h1><p>x</p>") == "<p><strong>Big</strong></p><p>x</p>"
    frame = pd.DataFrame({"a": ["1", "2"], "b": ["3", EVIL]})
    styled = frame.style.format(escape="html").map(lambda value: "font-weight: bold" if value == "3" else "")
    cells = BeautifulSoup(html.clean_output(styled.to_html()), "html.parser").find_all("td")
    assert [cell.get_text() for cell in cells if cell.strong] == ["3"]
    assert cells[-1].get_text() == EVIL


def test_verdicts_become_badges_and_intervals_do_not_break():
    table = "<table><tr><td>not run</td><td>inside out</td><td>45.2 [−1.5, 60.0]</td></tr></table>"
    cells = polished(table).find_all("td")
    assert cells[0].span["class"] == ["badge", "verdict-not-run"]
    assert cells[1].span is None
    assert cells[2].get_text() == "45.2 [−1.5,\u00a060.0]"
