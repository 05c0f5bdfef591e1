"""The real App: its server, and what a person does in its pages."""

import contextlib
import os
import re
from pathlib import Path

import browser as finder
import services

from support.waiting import SECONDS, wait_for

#: How to start Chromium: as root it needs the first, and the rest keeps it quiet.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

#: The App's themes in which narrow columns are looked at. Whether something fits does not depend on colours, but the
#: pictures of both are kept.
THEMES = ("dark", "light") if os.environ.get("SCREENSHOT_DIR") else ("dark",)

#: After so many failures the other tests of an App fail at once: each would wait for minutes.
MOST_FAILURES = 6

# How many samples the grid has.
_COUNT = re.compile(r"^[\d,]+ samples?$")

# What the App says of itself: it asks for things on other hosts, which no test reaches, and
# reads an entry of its grid at times before it has come.
_OF_THE_APP = ("net::ERR_", "entry is loading")


@contextlib.contextmanager
def serve(home, mongod, dataset, **environment):
    """Runs the App's server; gives the address of a dataset's page."""
    port = services.free_port()
    variables = {
        "FIFTYONE_DATABASE_URI": mongod,
        "FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS": "true",
        "HOME": str(home),
        **environment,
    }
    with services.app(home, port, **variables) as server:
        server.wait_until(lambda: services.accepts(port))
        yield f"http://127.0.0.1:{port}/datasets/{dataset}"


# The browser draws without a graphics card: what moves, or is drawn sixty times a second, takes a third of a core as long
# as a page is open.
_STILL = """
window.requestAnimationFrame = draw => setTimeout(() => draw(performance.now()), 100)
window.cancelAnimationFrame = clearTimeout
document.addEventListener("DOMContentLoaded", () => {
    const style = document.createElement("style")
    style.textContent = "*, *::before, *::after { animation: none !important; transition: none !important }"
    document.head.append(style)
})
"""


@contextlib.contextmanager
def visit(browser, address):
    """A person in a browser of their own; gives a Visit."""
    context = browser.new_context(viewport={"width": 1500, "height": 1000}, reduced_motion="reduce")
    context.add_init_script(_STILL)
    yield Visit(context, address)
    context.close()


class Visit:
    """A person in a tab of a browser.

    Args:
        context: the browser's context
        address: the page of a dataset in the App
    """

    def __init__(self, context, address):
        self.errors, self.hosts, self._failures = [], set(), 0
        self._context, self._address = context, address
        self._begin()

    def _begin(self):
        """Opens a tab at the App's page."""
        #: Whether a test has failed in this tab: it may be one that shows nothing any more.
        self.failed = False
        self.page = self._context.new_page()
        self.page.set_default_timeout(SECONDS * 1000)
        # What the App says about other products of its makers comes when it likes.
        self.page.add_locator_handler(self.page.get_by_text("Dismiss", exact=True), lambda button: button.click())
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self._add_error(str(error)))
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        self.dialog = self.page.get_by_role("dialog")
        self.panel = self.page.locator(".wandb-panel")
        self.enter()

    def _note(self, message):
        if message.type == "error":
            self._add_error(message.text)

    def _add_error(self, text):
        if not any(known in text for known in _OF_THE_APP):
            self.errors.append(text)

    def enter(self):
        """Loads the App's page."""
        self.page.goto(self._address)
        self.page.get_by_text(_COUNT).first.wait_for()

    def rest(self):
        """Goes back to where each test begins: nothing is open but the panel, the grid shows the whole dataset."""
        if self.failed:
            self._failures += 1
            assert self._failures < MOST_FAILURES, "too many tests have failed in this App: see the first ones"
            self.page.close()
            self._begin()

        for _ in range(3):
            if self.dialog.count():
                self.page.keyboard.press("Escape")
                self.page.wait_for_timeout(100)

        if self.dialog.count() or self.errors:
            self.enter()

        self.run("@voxel51/operators/clear_view")
        self.errors.clear()

    def run(self, operator, **params):
        """Runs an operator of the App's own."""
        self.page.evaluate("([uri, params]) => { __foo__.executeOperator(uri, params) }", [operator, params])

    @contextlib.contextmanager
    def new_page(self):
        """Gives the page that a click opens, once it is there, as ``value``; at the end it is closed."""
        with self._context.expect_page() as opened:
            yield opened

        opened.value.close()
        # A page behind another one draws once a second, and each click waits for two drawings.
        self.page.bring_to_front()

    # Forms

    def open(self, label):
        """Opens an operator's form from the browser of operators."""
        from playwright.sync_api import TimeoutError

        search = self.page.get_by_placeholder("Search operations by name...")
        for _ in range(20):
            self.page.locator("body").press("`")  # lost while a dialog goes
            with contextlib.suppress(TimeoutError):
                search.wait_for(timeout=10_000)
                break

        search.fill(label)
        self.dialog.get_by_text(label, exact=True).first.click()

    def choose(self, name, text):
        """Chooses from the drop-down below a label."""
        box = self._box(name)
        option = self.page.get_by_role("option").filter(has_text=text).first

        def is_listed():
            box.click()
            with contextlib.suppress(Exception):
                option.wait_for(timeout=5000)

            if option.count():
                return True

            # The list was on its way: it is there with the next change.
            self.page.keyboard.press("Escape")
            self.type(name, "?")
            self.type(name, "")
            return False

        wait_for(is_listed)
        option.click()

    def select(self, name, text):
        """Selects from the list below a label, into which nothing can be typed."""
        self._label(name).locator("xpath=following::*[@role='combobox'][1]").click()
        self.page.get_by_role("option").filter(has_text=text).first.click()

    def type(self, name, text):
        """Types into the field below a label, and leaves it."""
        box = self._box(name)
        box.fill(text)
        box.press("Tab")

    def value(self, name):
        """What is in the field below a label."""
        return self._box(name).input_value()

    def check(self, label):
        """Ticks a box."""
        self.page.get_by_role("checkbox", name=label).or_(self.page.get_by_label(label, exact=True)).first.check()

    def press(self, name):
        """Presses a button of a form."""
        self.dialog.get_by_role("button", name=name, exact=True).last.click()

    def sees(self, text):
        """Waits for a text in a form."""
        self.dialog.get_by_text(text).first.wait_for()

    def close(self):
        """Closes the form."""
        self.page.keyboard.press("Escape")
        self.dialog.first.wait_for(state="detached")

    # The panel

    def open_panel(self):
        """Presses the button above the grid, if the panel is not there already."""
        from playwright.sync_api import Error

        def opened():
            # The App brings back the panels of the last visit when it likes, and they push the button away.
            if self.panel.count() == 0:
                with contextlib.suppress(Error):
                    self.page.locator("[title='Open W&B panel'], img[src*='wandb.svg']").first.click(timeout=5000)
                    self.panel.wait_for(timeout=30_000)

            return self.panel.count() > 0

        wait_for(opened)

    def tab(self, name):
        """Chooses one of the panel's tabs."""
        self.panel.get_by_role("tab", name=name).click()

    def click(self, name, exact=True):
        """Presses a button of the panel."""
        self.panel.get_by_role("button", name=name, exact=exact).first.click()

    def choose_project(self, name):
        """Chooses the panel's project."""
        self.panel.get_by_role("combobox", name="Project").select_option(name)

    def shows(self, text):
        """Waits for a text in the panel."""
        self.panel.get_by_text(text).first.wait_for()

    @contextlib.contextmanager
    def narrow_column(self, theme="dark", width=360):
        """The panel as narrow as people make it beside the samples, in one of the App's themes."""
        colour = "e => getComputedStyle(e).color"
        switch = self.page.get_by_test_id("LightModeIcon").or_(self.page.get_by_test_id("DarkModeIcon")).first
        before = self.panel.evaluate(colour)
        self.panel.evaluate("(e, width) => { e.style.width = `${width}px` }", width)
        if theme == "light":
            switch.click()
            wait_for(lambda: self.panel.evaluate(colour) != before)

        try:
            yield
        finally:
            self.panel.evaluate("e => { e.style.width = '' }")
            if theme == "light":
                switch.click()
                wait_for(lambda: self.panel.evaluate(colour) == before)

    def fits(self):
        """Whether nothing of the panel is wider than its column."""
        return self.panel.evaluate("e => e.scrollWidth <= e.clientWidth")

    def grid_has(self, samples):
        """Waits until the grid has so many samples."""
        self.page.get_by_text(re.compile(f"^{samples} samples?$")).first.wait_for()

    def picture(self, name, of=None):
        """Keeps a picture of the page or of an element, if somebody wants pictures."""
        keep_picture(self.page, name, of)

    def _box(self, name):
        return self._label(name).locator("xpath=following::input[1]")

    def _label(self, name):
        # The App ties no label to its field: the field is the first one behind the label's text.
        return self.dialog.get_by_text(name, exact=True).last


def keep_picture(page, name, of=None):
    """Keeps a picture of a page or of an element of it in the directory SCREENSHOT_DIR, if there is one."""
    directory = os.environ.get("SCREENSHOT_DIR")
    if not directory:
        return

    # Things that move come to rest.
    page.wait_for_timeout(700)
    Path(directory).mkdir(parents=True, exist_ok=True)
    (of or page).screenshot(path=str(Path(directory) / f"{name}.png"))


@contextlib.contextmanager
def browser():
    """Runs the browser of FIFTYONE_WANDB_CHROMIUM, else the one on PATH.

    It must have ended before tests of other files begin: while it runs, the main thread counts as that of a running
    event loop, in which FiftyOne executes operators in another way.
    """
    # Not there with the oldest FiftyOne, with which no browser is used.
    from playwright.sync_api import sync_playwright

    path = os.environ.get("FIFTYONE_WANDB_CHROMIUM") or finder.on_path()
    assert path, "No Chromium: name one in FIFTYONE_WANDB_CHROMIUM, or run tools/browser.py"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()
