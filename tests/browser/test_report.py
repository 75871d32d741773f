"""The report in a real browser, opened from file:// without network."""

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


@pytest.mark.parametrize("tab", TABS, indirect=True)
def test_axe_finds_no_serious_violation(report, tab):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for page in opened(tab, report):
        tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        violations = axe.run(tab).response["violations"]
        serious = [
            f"{found['id']}: {found['nodes'][0]['html'][:200]}"
            for found in violations
            if found["impact"] in ("serious", "critical")
        ]
        assert not serious, f"{page.name}: " + "; ".join(serious)


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


@pytest.mark.parametrize("tab", ["desktop", "dark", "phone"], indirect=True)
def test_screenshots_are_made_to_look_at(report, tab, screenshots):
    for page in opened(tab, report):
        target = screenshots / tab.kind / f"{page.stem}.png"
        tab.screenshot(path=target, full_page=True)
        assert target.stat().st_size > 5000
    print(f"screenshots: {screenshots / tab.kind}")


def test_the_first_page_prints(report, tab, screenshots):
    tab.goto((report / "index.html").as_uri())
    tab.pdf(path=screenshots / "index.pdf")
    assert (screenshots / "index.pdf").read_bytes().startswith(b"%PDF")
