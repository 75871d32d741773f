"""The report in a real browser, opened from file:// without network."""

import unicodedata

import pytest

pytestmark = pytest.mark.browser

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
TABS = {
    "desktop": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark"},
}


def pages_of(report):
    return sorted(report.glob("*.html"))


def opened(tab, report):
    """The report's pages, each while the tab shows it."""
    for page in pages_of(report):
        tab.goto(page.as_uri())
        yield page


@pytest.fixture
def tab(chromium, request):
    """A tab whose console errors, failed requests and requests beyond file:// are collected in `tab.problems`."""
    kind = getattr(request, "param", "desktop")
    context = chromium.new_context(**TABS[kind])
    tab = context.new_page()
    tab.kind, tab.problems = kind, []
    tab.on("console", lambda message: message.type == "error" and tab.problems.append(f"console: {message.text}"))
    tab.on("pageerror", lambda error: tab.problems.append(f"script: {error}"))
    tab.on("dialog", lambda dialog: (tab.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    tab.on("requestfailed", lambda asked: tab.problems.append(f"not loaded: {asked.url}"))
    tab.on("request", lambda asked: asked.url.startswith("http") and tab.problems.append(f"network: {asked.url}"))
    yield tab
    context.close()


def test_every_page_loads_whole_and_without_console_errors(report, tab):
    assert len(pages_of(report)) >= 6
    for page in opened(tab, report):
        broken = tab.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)")
        assert not broken, f"{page.name}: images that do not show: {broken}"
        assert tab.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily") != "", page.name
    assert tab.problems == []


def test_every_link_leads_to_a_file_and_an_anchor_that_exist(report, tab):
    anchors, links = {}, []
    for page in opened(tab, report):
        anchors[page.as_uri()] = set(tab.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)"))
        links += [(page.name, href) for href in tab.evaluate("[...document.links].map(a => a.href)")]
    inside = [(page, *href.partition("#")) for page, href in links if href.startswith("file:")]
    assert inside
    for page, target, _, anchor in inside:
        if target in anchors:
            assert not anchor or anchor in anchors[target], f"{page}: {target}#{anchor}"
        else:
            assert (report / target.split(report.as_uri() + "/")[-1]).is_file(), f"{page}: {target}"


@pytest.mark.parametrize("tab", ["phone", "desktop"], indirect=True)
def test_no_page_is_wider_than_the_screen(report, tab):
    for page in opened(tab, report):
        excess = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert excess <= 0, f"{page.name}: {excess} pixels too wide"


@pytest.mark.parametrize("tab", ["phone", "desktop"], indirect=True)
def test_no_text_runs_into_the_next_cell(report, tab):
    beyond = """[...document.querySelectorAll('th, td')].filter(cell => {
        const text = document.createRange();
        text.selectNodeContents(cell);
        const [inner, outer] = [text, cell].map(one => one.getBoundingClientRect());
        return inner.width && (inner.right > outer.right + 1 || inner.left < outer.left - 1);
    }).map(cell => cell.textContent)"""
    for page in opened(tab, report):
        assert tab.evaluate(beyond) == [], page.name


@pytest.mark.parametrize("tab", TABS, indirect=True)
def test_axe_finds_no_violation(report, tab):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for page in opened(tab, report):
        tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        violations = axe.run(tab).response["violations"]
        found = [f"{one['impact']}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in violations]
        assert not found, f"{page.name}: " + "; ".join(found)


def test_the_keyboard_reaches_the_text_first_and_sees_where_it_is(report, tab):
    tab.goto((report / "index.html").as_uri())
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the text"
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.querySelector('main').contains(document.activeElement)")
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_button_unfolds_all_code(report, tab):
    (page,) = report.glob("05_*.html")
    tab.goto(page.as_uri())
    folded = "[...document.querySelectorAll('details.source')].filter(d => !d.open).length"
    assert tab.evaluate(folded) > 0
    tab.get_by_role("button", name="Show all code").click()
    assert tab.evaluate(folded) == 0


def test_search_finds_sections_by_all_their_words_and_leads_there(report, tab):
    tab.goto((report / "index.html").as_uri())
    tab.get_by_role("searchbox", name="Search the report").fill("read SCORES")
    tab.wait_for_selector("#found li")
    first = tab.locator("#found a").first
    assert first.get_attribute("href").endswith("#scores")
    first.click()
    assert tab.url.endswith("#scores")
    tab.get_by_role("searchbox").fill("no such word in it")
    tab.wait_for_function("document.getElementById('count').textContent === 'No sections'")
    tab.keyboard.press("Escape")
    assert tab.locator("#found").is_hidden()
    assert tab.problems == []


def test_the_theme_can_be_chosen_and_stays(report, tab):
    paper = "getComputedStyle(document.body).backgroundColor"
    tab.goto((report / "index.html").as_uri())
    light = tab.evaluate(paper)
    button = tab.get_by_role("button", name="Theme: automatic")
    button.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate(paper) == light
    tab.keyboard.press("Enter")
    assert tab.get_by_role("button", name="Theme: dark").is_visible()
    dark = tab.evaluate(paper)
    assert dark != light
    tab.goto(pages_of(report)[0].as_uri())
    assert tab.evaluate(paper) == dark


def test_a_figure_is_enlarged_and_closed_by_the_keyboard(report, tab):
    (page,) = report.glob("05_*.html")
    tab.goto(page.as_uri())
    figure = tab.locator("a.enlarge").first
    figure.focus()
    tab.keyboard.press("Enter")
    large = tab.get_by_role("dialog", name="Enlarged figure")
    assert large.get_by_role("img").get_attribute("alt") == figure.locator("img").get_attribute("alt")
    tab.keyboard.press("Escape")
    assert large.is_hidden()


def test_code_can_be_copied(report, tab):
    (page,) = report.glob("05_*.html")
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(page.as_uri())
    tab.get_by_role("button", name="Show all code").click()
    tab.get_by_role("button", name="Copy").first.click()
    tab.wait_for_function("document.querySelector('.copy').textContent === 'Copied'")
    copied, code = tab.evaluate("navigator.clipboard.readText()"), tab.locator(".highlight").first.inner_text()
    assert copied.split() == code.split()


@pytest.mark.parametrize("tab", ["phone"], indirect=True)
def test_a_phone_shows_scores_of_table_1_beside_the_rows_names(report, tab):
    tab.goto((report / "index.html").as_uri())
    table = tab.locator("#table-1 table")
    table.scroll_into_view_if_needed()
    row = table.locator("tbody tr").first
    box = row.locator("td").first.bounding_box()
    assert box["x"] + box["width"] <= PHONE["width"], "the first score stands on the screen"
    name = row.locator("th").first
    tab.evaluate("document.querySelector('#table-1 .scroll').scrollLeft = 300")
    assert name.bounding_box()["x"] >= 0, "the row's name stays"


def test_paper_shows_what_the_screen_folds(report, tab):
    (page,) = report.glob("05_*.html")
    tab.goto(page.as_uri())
    folded = "[...document.querySelectorAll('details')].filter(d => !d.open).length"
    before = tab.evaluate(folded)
    assert before > 0
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.evaluate(folded) == 0
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate(folded) == before


@pytest.mark.parametrize("tab", ["desktop", "dark", "phone"], indirect=True)
def test_screenshots_are_made_to_look_at(report, tab, screenshots):
    for page in opened(tab, report):
        target = screenshots / tab.kind / f"{page.stem}.png"
        tab.screenshot(path=target, full_page=True)
        assert target.stat().st_size > 5000
    print(f"screenshots: {screenshots / tab.kind}")


def test_a_printed_page_holds_every_section_what_was_folded_and_where_links_lead(report, tab, screenshots):
    pypdf = pytest.importorskip("pypdf")
    for page in (report / "index.html", *report.glob("05_*.html")):
        tab.goto(page.as_uri())
        wanted = tab.evaluate(
            "[...document.querySelectorAll('article h2, article summary')].map(e => e.firstChild.textContent)"
        )
        folded = tab.evaluate("[...document.querySelectorAll('details pre')].map(e => e.textContent.trim())")
        addresses = tab.evaluate("[...document.querySelectorAll('.addresses li')].map(e => e.textContent)")
        tab.pdf(path=screenshots / f"{page.stem}.pdf", prefer_css_page_size=True)
        sheets = [sheet.extract_text() for sheet in pypdf.PdfReader(screenshots / f"{page.stem}.pdf").pages]
        # Lines are broken anywhere, and "fi" may be one letter
        printed = "".join(unicodedata.normalize("NFKC", "".join(sheets)).split())
        for text in (*wanted, *"\n".join(folded).splitlines(), *addresses):
            assert "".join(unicodedata.normalize("NFKC", text).split()) in printed, f"{page.name}: {text}"
        assert wanted
        assert folded
        assert all("PHANTOM DATA" in sheet for sheet in sheets), page.name
