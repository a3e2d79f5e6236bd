"""The page in a real browser: it is seen, dragged, sorted, zoomed, and it stays off the network."""

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chromium import BINARY, Chromium
from markupsafe import Markup
from report_samples import METRICS, blurred, gathered, measured, noisy, photographs, row, write

from restore_cli.evaluation.measurement import Measurement
from restore_cli.evaluation.pairing import Pair
from restore_cli.evaluation.report.html import write_report
from restore_cli.evaluation.report.shell import Section, page
from restore_cli.evaluation.statistics import paired_difference

RED, BLUE = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)
FIRST = "#cards > .card"
browser_needed = pytest.mark.skipif(BINARY is None, reason="no chromium or chrome is installed")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    chromium = Chromium(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.close()


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> Iterator[None]:
    """No event of an earlier test, and after each: no complaint, nothing asked of the network."""
    if "browser" not in request.fixturenames:
        yield
        return
    chromium: Chromium = request.getfixturevalue("browser")
    chromium.events.clear()
    yield
    if request.node.originalname == "test_the_page_may_not_reach_the_network":
        return
    assert chromium.seen("Runtime.exceptionThrown") == []
    assert chromium.seen("Runtime.consoleAPICalled") == []
    assert chromium.seen("Log.entryAdded") == []
    asked = {one["request"]["url"].partition(":")[0] for one in requests(chromium)}
    assert asked <= {"file", "data"}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of one output: a red picture whose reference is blue, and three photographs."""
    folder = tmp_path_factory.mktemp("one")
    flat = {"red": np.broadcast_to(BLUE, (60, 100, 3)).astype(np.float64)}
    photos = measured(folder, "noisy", lambda im, n: noisy(im, n, 0.02 * n + 0.02), photographs(90))
    pair = Pair("red & <b>blue</b>", folder / "red.png", folder / "blue.png")
    red = np.broadcast_to(RED, (60, 100, 3)).astype(np.float64)
    write(pair.output, red)
    write(pair.reference, flat["red"])
    report = folder / "report.html"
    everything = gathered("noisy", [*photos.rows, row(pair, red, flat["red"])])
    write_report(report, [everything], differences=None, resize_reference=False)
    return report


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report that compares two outputs."""
    folder = tmp_path_factory.mktemp("two")
    outputs = [
        measured(folder, "noisy", noisy, photographs(90)),
        measured(folder, "blurred", blurred, photographs(90)),
    ]
    report = folder / "report.html"
    write_report(report, outputs, differences=compared(*outputs), resize_reference=False)
    return report


def compared(a: Measurement, b: Measurement) -> dict:
    """Paired differences of every metric."""
    return {
        (a.label, b.label, name): paired_difference(
            [one.values[name] for one in a.rows],
            [one.values[name] for one in b.rows],
            higher_is_better=info.higher_is_better,
            resamples=200,
        )
        for name, info in METRICS.items()
    }


def requests(chromium: Chromium) -> list:
    return chromium.seen("Network.requestWillBeSent")


def names(chromium: Chromium) -> list[str]:
    """The pictures that are shown, in order."""
    return chromium.evaluate(
        "[...document.querySelectorAll('.card')].filter(c => !c.hidden).map(c => c.dataset.name)"
    )


def choose(chromium: Chromium, selector: str, words: str) -> None:
    """Choose an option by its words."""
    chromium.evaluate(
        f"(() => {{ const s = document.querySelector({selector!r});"
        f"s.selectedIndex = [...s.options].findIndex(o => o.text === {words!r});"
        "s.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def color(image: np.ndarray, x: float, y: float) -> tuple[float, ...]:
    return tuple((image[int(y), int(x)] / 255).round(2).tolist())


def _page(**changes: str) -> str:
    words = {"title": "t", "lead": "l", "notice": "", **changes}
    return "".join(page(**words, sections=[], pictures=()))


def test_the_page_allows_its_own_script_by_hash_and_nothing_else() -> None:
    html = _page()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    script = re.search("<script>(.*)</script>", html, re.DOTALL)
    assert policy is not None
    assert script is not None
    assert "default-src 'none'" in policy[1]
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[1]
    assert html.count("<script") == 1
    assert "{{" not in html, "a placeholder was left"


def test_title_lead_and_notice_are_escaped() -> None:
    html = _page(title="<b>", lead='"&', notice="<i>")
    assert "<title>&lt;b&gt;</title>" in html
    assert "&#34;&amp;" in html
    assert '<p class="notice" role="note">&lt;i&gt;</p>' in html


def test_sections_stand_above_pictures_which_are_taken_in_turn() -> None:
    sections = [Section("<A>", "words & more", Markup("<p>body</p>"))]
    html = "".join(
        page(title="t", lead="l", notice="", sections=sections, pictures=["<i>1</i>", "<i>2</i>"])
    )
    assert "<section><h2>&lt;A&gt;</h2><p>words &amp; more</p>\n<p>body</p>\n</section>" in html
    assert html.index("<p>body</p>") < html.index("<i>1</i>") < html.index("<i>2</i>")


@browser_needed
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_drawn_light_and_dark(browser: Chromium, one: Path, dark: bool) -> None:
    browser.open(one, width=800, height=700, dark=dark)
    image = browser.screenshot()
    assert image.shape == (700, 800, 3)
    corner = image[5, 5].mean()
    assert (corner < 60) if dark else (corner > 200)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50
    assert browser.evaluate("document.querySelectorAll('.card').length") == 4


@browser_needed
def test_dragging_the_divider_shows_more_of_the_reference(browser: Chromium, one: Path) -> None:
    browser.open(one, width=900, height=700)
    assert names(browser)[0] == "red & <b>blue</b>"
    browser.evaluate(f"document.querySelector('{FIRST}').scrollIntoView()")
    frame = browser.box(f"{FIRST} .compare .frame")
    y = frame["top"] + 0.25 * frame["height"]  # away from the round handle

    def at(share: float) -> float:
        return frame["left"] + share * frame["width"]

    before = browser.screenshot()
    assert color(before, at(0.35), y) == RED
    assert color(before, at(0.65), y) == BLUE
    browser.mouse("mousePressed", at(0.5), y)
    for share in (0.4, 0.3, 0.25):
        browser.mouse("mouseMoved", at(share), y)
    divider = browser.box(f"{FIRST} .divider")
    assert divider["left"] + divider["width"] / 2 == pytest.approx(at(0.25), abs=1)
    after = browser.screenshot()
    assert color(after, at(0.2), y) == RED
    assert color(after, at(0.35), y) == BLUE
    # Past the edge it stops there, and once released it stays.
    browser.mouse("mouseMoved", frame["left"] - 20, y)
    browser.mouse("mouseReleased", frame["left"] - 20, y)
    browser.mouse("mouseMoved", at(0.8), y)
    divider = browser.box(f"{FIRST} .divider")
    assert divider["left"] + divider["width"] / 2 == pytest.approx(at(0), abs=1)
    assert browser.evaluate(f"document.querySelector('{FIRST} .slider').value") == "0"


@browser_needed
def test_arrow_keys_move_the_divider(browser: Chromium, one: Path) -> None:
    browser.open(one, width=900, height=700)
    browser.evaluate(f"document.querySelector('{FIRST} .slider').focus()")
    split = f"document.querySelector('{FIRST} .compare .frame').style.getPropertyValue('--split')"
    browser.key("ArrowRight")
    assert browser.evaluate(split) == "51%"
    browser.key("End")
    assert browser.evaluate(split) == "100%"
    frame, divider = browser.box(f"{FIRST} .compare .frame"), browser.box(f"{FIRST} .divider")
    assert divider["left"] == pytest.approx(frame["left"] + frame["width"], abs=2)


@browser_needed
def test_pictures_are_sorted_and_filtered(browser: Chromium, one: Path) -> None:
    browser.open(one, width=900, height=700)
    assert names(browser) == ["red & <b>blue</b>", "chelsea", "coffee", "astronaut"]
    choose(browser, "#order", "best first")
    assert names(browser) == ["astronaut", "coffee", "chelsea", "red & <b>blue</b>"]
    choose(browser, "#sort", "name")
    assert names(browser) == ["astronaut", "chelsea", "coffee", "red & <b>blue</b>"]
    choose(browser, "#sort", "photometric-share")
    # Of a flat picture the error is photometric throughout: last when the best come first.
    assert names(browser)[-1] == "red & <b>blue</b>"
    browser.evaluate(
        "(() => { const f = document.querySelector('#filter'); f.value = 'C';"
        "f.dispatchEvent(new Event('input')); })()"
    )
    assert sorted(names(browser)) == ["chelsea", "coffee"]
    assert browser.evaluate("document.querySelector('#count').value") == "2 of 4 pictures match"


@browser_needed
def test_the_output_to_look_at_is_chosen(browser: Chromium, two: Path) -> None:
    browser.open(two, width=900, height=700)
    choose(browser, f"{FIRST} .choose-left", "blurred")
    left, heat = (
        f"document.querySelector('{FIRST} {part}').alt"
        for part in ("img.left", ".heat img:not([hidden])")
    )
    assert browser.evaluate(left).startswith("blurred: ")
    assert browser.evaluate(heat).startswith("Error map of blurred: ")
    choose(browser, f"{FIRST} .choose-right", "noisy")
    assert browser.evaluate(f"document.querySelector('{FIRST} img.right').alt").startswith(
        "noisy: "
    )
    assert browser.evaluate(f"document.querySelector('{FIRST} .on-right').textContent") == "noisy"
    # The map stays with the left side as long as that is an output.
    assert browser.evaluate(heat).startswith("Error map of blurred: ")


@browser_needed
def test_sorting_by_how_far_one_output_is_behind(browser: Chromium, two: Path) -> None:
    browser.open(two, width=900, height=700)
    choose(browser, "#sort", "psnr, blurred behind noisy")
    gaps = browser.evaluate(
        "[...document.querySelectorAll('.card')].map(c => c.values[1][0] - c.values[0][0])"
    )
    assert gaps == sorted(gaps)


@browser_needed
def test_zoom_shows_pixels_as_squares(browser: Chromium, one: Path) -> None:
    browser.open(one, width=900, height=700)
    browser.evaluate(f"document.querySelector('{FIRST} .zoom button[value=\"4\"]').click()")
    assert browser.box(f"{FIRST} .compare .frame")["width"] == pytest.approx(400, abs=0.5)
    assert browser.box(f"{FIRST} .heat .frame")["width"] == pytest.approx(400, abs=0.5)
    style = f"getComputedStyle(document.querySelector('{FIRST} .compare img')).imageRendering"
    assert browser.evaluate(style) == "pixelated"
    browser.evaluate(f"document.querySelector('{FIRST}').scrollIntoView()")
    heat = browser.box(f"{FIRST} .heat .frame")
    for clicks in (1, 2):
        for kind in ("mousePressed", "mouseReleased"):
            browser.mouse(kind, heat["left"] + 30, heat["top"] + 30, clicks=clicks)
    assert browser.evaluate(f"'zoom' in document.querySelector('{FIRST}').dataset") is False


@browser_needed
@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_sticks_out_of_the_window(browser: Chromium, two: Path, width: int) -> None:
    browser.open(two, width=width, height=700)
    excess = browser.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert excess == 0


@browser_needed
def test_the_page_may_not_reach_the_network(browser: Chromium, one: Path) -> None:
    browser.open(one, width=900, height=700)
    browser.evaluate(
        "document.addEventListener('securitypolicyviolation',"
        " event => { window.refused = event.blockedURI; });"
        "new Image().src = 'http://127.0.0.1:9/pixel.png'; 1"
    )
    browser.wait_for("window.refused === 'http://127.0.0.1:9/pixel.png'")
