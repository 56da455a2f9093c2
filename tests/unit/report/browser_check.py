"""Loads a report in headless Chromium and looks at it as a reader would.

    browser_check.py SAMPLE_PAGE_PROGRAM PLOTLY_SCRIPT SCREENSHOT_FOLDER

Makes the pages with SAMPLE_PAGE_PROGRAM and asks of each: no message in the console, no request beyond the page itself,
every plot drawn with its traces, buttons that redraw, tools that copy and save; at 1280 px and a phone's 390 px, in the light and the
dark scheme, nothing wider than the window or its box, no label over another, and enough contrast (axe-core of the package
axe-core-python; left out, with a word, where that is not installed). Leaves screenshots of all four, and one as on paper.
Talks the W3C WebDriver protocol to chromedriver; needs nothing but the standard library. Exit code 77: no Chromium here.
"""

import base64
import importlib.util
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

WIDTH, PHONE_WIDTH, HEIGHT = 1280, 390, 900
OWN_SCHEMES = ("data:", "blob:", "chrome:")  # in the page itself, or the browser's own start page
# Plot -> number of traces, by sample.
EXPECTED = {
    "demo": {"plot-validation": 2, "plot-gap": 1, "plot-bag": 1, "plot-steps": 2},
    "sets": {"plot-validation": 6, "plot-gap": 3, "plot-bag": 3, "plot-copying": 6, "plot-positions": 2,
             "plot-router": 6, "plot-tasks": 6, "plot-steps": 6},
    "grid": {"plot-validation": 7, "plot-gap": 6, "plot-bag": 6, "plot-budgets": 7, "plot-positions": 7, "plot-steps": 7},
    "full": {"plot-validation": 6, "plot-gap": 3, "plot-budgets": 6, "plot-rates": 2, "plot-bag": 3, "plot-steps": 6},
    "run": {"plot-validation": 1, "plot-bag": 1, "plot-copying": 1, "plot-positions": 1, "plot-tasks": 1, "plot-steps": 1},
}


class Browser:
    """One session of a chromedriver of its own."""

    def __init__(self, chromium, driver):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_until_ready()
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                     "--no-first-run", f"--user-data-dir={self.profile.name}", f"--window-size={WIDTH},900"]
        capabilities = {"goog:chromeOptions": {"binary": chromium, "args": arguments},
                        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = ""
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = "/session/" + answer["sessionId"]

    def wait_until_ready(self):
        for _ in range(200):
            try:
                with urllib.request.urlopen(self.base + "/status", timeout=1) as answer:
                    if json.load(answer)["value"]["ready"]:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.05)
        raise RuntimeError("chromedriver did not start")

    def call(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + getattr(self, "session", "") + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode()[:500]}") from error

    def run(self, script):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def devtools(self, command, parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self, kind):
        return self.call("POST", "/se/log", {"type": kind})

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait(10)
            self.profile.cleanup()


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def traces(browser, plot):
    return browser.run(f"const p = document.getElementById('{plot}'); return p && p.data ? p.data.length : 0")


def first_x(browser, plot):
    return browser.run(f"return Array.from(document.getElementById('{plot}').data[0].x)")


def press(browser, plot, key):
    browser.run(f"document.querySelector('[data-for={plot}] button[data-key={key}]').click()")


def open_all(browser):
    """Opens what is folded, whose plots are drawn then."""
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    for _ in range(100):  # the event comes later
        empty = browser.run("return Array.from(document.querySelectorAll('.plot')).filter(p => !p.data).length")
        if empty == 0:
            return
        time.sleep(0.05)


def check_plots(browser, expected):
    drawn = browser.run("return Array.from(document.querySelectorAll('.plot')).map(p => p.id)")
    check(sorted(drawn) == sorted(expected), f"plots: expected {sorted(expected)}, got {sorted(drawn)}")
    open_all(browser)
    for plot, count in expected.items():
        svgs = browser.run(f"return document.querySelectorAll('#{plot} svg.main-svg').length")
        paths = browser.run(f"return document.querySelectorAll('#{plot} .scatterlayer .trace path.js-line').length")
        check(svgs > 0, f"{plot}: nothing drawn")
        check(traces(browser, plot) == count, f"{plot}: expected {count} traces, got {traces(browser, plot)}")
        check(paths == count, f"{plot}: expected {count} lines drawn, got {paths}")


def check_buttons(browser, sample):
    positions = first_x(browser, "plot-validation")
    press(browser, "plot-validation", "seconds")
    seconds = first_x(browser, "plot-validation")
    check(max(seconds) < max(positions), "plot-validation: the time button did not change the x axis")
    press(browser, "plot-validation", "raw_tokens")
    if sample != "run":  # which has no baseline
        check(first_x(browser, "plot-validation") == positions, "plot-validation: baseline's raw tokens are its positions")
    press(browser, "plot-validation", "positions")
    near = browser.run("return document.getElementById('plot-validation').layout.yaxis.range[1]")
    press(browser, "plot-validation", "all")
    far = browser.run("return document.getElementById('plot-validation')._fullLayout.yaxis.range[1]")
    check(far > near, f"plot-validation: the whole range must reach above {near}, got {far}")
    press(browser, "plot-validation", "close")


def check_sets(browser):
    """The curve of each validation set by its button, and a row of the table for each set and arm."""
    def lowest():
        return browser.run("return Math.min(...document.getElementById('plot-validation').data[0].y)")
    labels = browser.run("return Array.from(document.querySelectorAll('[data-for=plot-validation] button[data-key^=set-]'))"
                         ".map(b => b.textContent)")
    check(labels == ["books", "code"], f"plot-validation: expected a button a set, got {labels}")
    books = lowest()
    press(browser, "plot-validation", "set-1")
    title = browser.run("return document.getElementById('plot-validation').layout.yaxis.title.text")
    check("code" in title, f"plot-validation: expected the set in the axis title, got {title!r}")
    check(abs(lowest() - (0.6 + books / 3)) < 1e-9, "plot-validation: the curve is not that of the chosen set")
    high = browser.run("return document.getElementById('plot-validation').layout.yaxis.range[1]")
    check(high < 2, f"plot-validation: the close-up must fit the chosen set, reaches {high}")
    press(browser, "plot-validation", "set-0")
    check(lowest() == books, "plot-validation: the first button does not lead back")
    rows = browser.run("return document.querySelectorAll('#sets tbody tr').length")
    check(rows == 4, f"sets: expected a row for each of 2 sets and 2 arms, got {rows}")


def check_steps(browser):
    """A button for each quantity of the step records; a line for each member of a scalar."""
    keys = browser.run("return Array.from(document.querySelectorAll('[data-for=plot-steps] button')).map(b => b.dataset.key)")
    for key in ("training loss", "bag loss", "learning rate", "gradient norm", "positions per second", "update_ratio"):
        check(key in keys, f"plot-steps: no button for {key}, only {keys}")
    browser.run("document.querySelector('[data-for=plot-steps] button[data-key=update_ratio]').click()")
    names = browser.run("return document.getElementById('plot-steps').data.map(t => t.name)")
    check(names == ["matrix", "vector"], f"plot-steps: expected a line for each member, got {names}")


def check_tasks(browser):
    """The primary score first, with the line of chance; another task and score by their buttons."""
    def title():
        return browser.run("return document.getElementById('plot-tasks').layout.yaxis.title.text")
    def lines():
        return browser.run("return document.getElementById('plot-tasks').layout.shapes.filter(s => s.y0 === s.y1 && s.line.dash === 'dash').map(s => s.y0)")
    check("piqa" in title() and "bits per byte" in title(), f"plot-tasks: expected the primary score, got {title()!r}")
    check(lines() == [2.5], f"plot-tasks: expected chance at 2.5, got {lines()}")
    press(browser, "plot-tasks", "acc")
    check("accuracy" in title() and lines() == [0.5], f"plot-tasks: got {title()!r} with chance at {lines()}")
    press(browser, "plot-tasks", "task-1")
    check("words" in title() and lines() == [], f"plot-tasks: got {title()!r} with chance at {lines()}")
    marks = browser.run("return document.querySelectorAll('#samples td.switch').length")
    check(marks > 0, "samples: the switch is not marked")


def check_page(browser, page, sample, expected):
    browser.log("browser"), browser.log("performance")  # what came before
    browser.call("POST", "/url", {"url": page.as_uri()})
    if sample == "grid":
        check_first_screens(browser)
    check_plots(browser, expected)
    check_buttons(browser, sample)
    check_tools(browser)
    check_terms(browser, sample)
    if sample == "sets":
        check_sets(browser)
    title = browser.run("return document.querySelector('h1').textContent")
    if sample in ("run", "sets"):
        check_tasks(browser)
    if sample == "run":
        check_steps(browser)
        check("held-out loss 1.1000" in title, f"headline: got {title!r}")
    else:
        check("tst" in title and " ended 0.0" in title and " ahead of baseline" in title, f"headline: got {title!r}")
    check(browser.run("return document.querySelectorAll('.eyebrow b, pre script').length") == 0, "text was not escaped")
    messages = [entry["message"] for entry in browser.log("browser")]
    check(not messages, f"console: expected nothing, got {messages}")
    requests = []
    for entry in browser.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            requests.append(message["params"]["request"]["url"])
    beyond = [url[:100] for url in requests if url != page.as_uri() and not url.startswith(OWN_SCHEMES)]
    check(page.as_uri() in requests, "network log: the page itself is missing, so the log says nothing")
    check(not beyond, f"network: expected the page alone, got {beyond}")


def check_labels(browser, width):
    """No label in a plot lies over another one."""
    over = browser.run("""
        const found = [];
        for (const plot of document.querySelectorAll('.plot')) {
          const labels = Array.from(plot.querySelectorAll('.annotation-text-g, .legend')).map(e => [e.textContent, e.getBoundingClientRect()])
            .filter(([text, box]) => text.trim() && box.width > 0);
          labels.forEach(([text, a], i) => labels.slice(i + 1).forEach(([other, b]) => {
            if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) found.push([plot.id, text, other]);
          }));
        }
        return found;""")
    check(not over, f"at {width} px: labels over each other: {over}")


def check_first_screens(browser):
    """Of many arms what is not folded fits three screens."""
    height = browser.run("return document.querySelector('details.fold').getBoundingClientRect().top + window.scrollY")
    check(height <= 3 * HEIGHT, f"many arms: what is open must fit three screens of {HEIGHT} px, is {height} px high")
    browser.run("document.querySelector('nav a[href=\"#steps\"]').click()")
    check(browser.run("return document.querySelector('#steps > details').open"), "contents: the link does not open its section")


def check_tools(browser):
    """Each text can be copied; each table and plot saved, with as many rows as it shows."""
    counts = browser.run("return [document.querySelectorAll('pre').length, document.querySelectorAll('.copyable .tool').length,"
                         " document.querySelectorAll('.scroll').length, document.querySelectorAll('.scroll + .tools .tool').length,"
                         " document.querySelectorAll('.plot').length, document.querySelectorAll('figure > .tools .tool').length]")
    check(counts[0] == counts[1] > 0 and counts[2] == counts[3] > 0 and 2 * counts[4] == counts[5] > 0,
          f"tools: expected one for each text and table and two for each plot, got {counts}")
    lines = browser.run("return page.csvOf(page.rowsOfTable(document.querySelector('#speed table'))).trim().split('\\n').length")
    rows = browser.run("return document.querySelectorAll('#speed tbody tr').length")
    check(lines == rows + 1, f"CSV of a table: expected {rows + 1} lines, got {lines}")
    points = browser.run("const p = document.getElementById('plot-validation');"
                         "return [page.rowsOfPlot(p).length - 1, p.data.reduce((sum, trace) => sum + trace.x.length, 0)]")
    check(points[0] == points[1] > 0, f"CSV of a plot: expected {points[1]} points, got {points[0]}")
    saved = browser.run("""
        window.saved = [];
        HTMLAnchorElement.prototype.click = function () { window.saved.push([this.download, this.href.slice(0, 19)]); };
        for (const one of document.querySelectorAll('#curves figure > .tools .tool')) one.click();
        return new Promise((done) => setTimeout(() => done(window.saved), 500));""")
    check([one[0] for one in saved] == ["validation.csv", "validation.svg"] and saved[1][1] == "data:image/svg+xml,",
          f"tools of a plot: got {saved}")


def check_terms(browser, sample):
    terms = browser.run("return Array.from(document.querySelectorAll('.terms dt')).map(e => e.textContent)")
    check(len(terms) == len(set(terms)), f"terms: each must be explained once, got {terms}")
    check({"position", "raw tokens"} <= set(terms), f"terms: got {terms}")
    check(("arm" in terms) == (sample != "run"), f"terms: an arm is a thing of comparisons, got {terms}")
    if sample == "full":
        check({"budget", "half A, half B"} <= set(terms), f"terms: got {terms}")


def find_axe():
    package = importlib.util.find_spec("axe_core_python")
    if package is None or not package.submodule_search_locations:
        return None
    return pathlib.Path(package.submodule_search_locations[0], "axe.min.js").read_text(encoding="utf-8")


def check_contrast(browser, axe, where):
    browser.run(axe + "; window.axe = axe;")
    found = browser.run("""
        return axe.run(document, {runOnly: ['color-contrast'], elementRef: false}).then((result) =>
          result.violations.flatMap((one) => one.nodes.map((node) => node.html.slice(0, 90) + ' ' + (node.any[0] || {}).message)));""")
    check(not found, f"{where}: contrast: {found[:5]}")


def set_view(browser, width, height, features, media=""):
    browser.devtools("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
    browser.devtools("Emulation.setEmulatedMedia", {"media": media, "features": features})


def check_width(browser, page, width, scheme, path, axe):
    """The page at this width: nothing reaches beyond it, and of a phone nothing beyond its box either. Leaves a screenshot."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    where = f"{page.parent.name} at {width} px, {scheme}"
    set_view(browser, width, HEIGHT, features)
    browser.call("POST", "/url", {"url": page.as_uri()})
    open_all(browser)
    wide = browser.run("return document.documentElement.scrollWidth")
    check(wide <= width, f"{where}: must fit, is {wide} px wide")
    # A text is cut off where it is wider than a box that hides what overflows, or laid over its neighbour.
    boxes = "h1, .tile *, .words li, .callout, figcaption, .buttons, .terms, nav" + (", .scroll, pre" if width == PHONE_WIDTH else "")
    cut = browser.run(f"return Array.from(document.querySelectorAll('{boxes}'))"
                      ".filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map(e => e.outerHTML.slice(0, 120))")
    check(not cut, f"{where}: wider than their boxes: {cut}")
    colour = browser.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    check((sum(colour) < 3 * 128) == (scheme == "dark"), f"{where}: the background is {colour}")
    paper = browser.run("return document.querySelector('.plot')._fullLayout.paper_bgcolor")
    card = browser.run("return getComputedStyle(document.documentElement).getPropertyValue('--card').trim()")
    check(paper == card, f"{where}: the plots have the background {paper}, the page {card}")
    check_labels(browser, width)
    if axe:
        check_contrast(browser, axe, where)
    set_view(browser, width, browser.run("return document.documentElement.scrollHeight"), features)
    path.write_bytes(base64.b64decode(browser.call("GET", "/screenshot")))
    browser.devtools("Emulation.clearDeviceMetricsOverride", {})
    browser.devtools("Emulation.setEmulatedMedia", {"media": "", "features": []})


def check_paper(browser, page, path):
    """Printed in the dark scheme: the page is light, without buttons, and nothing is wider than the paper."""
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    set_view(browser, 720, HEIGHT, features, "print")
    browser.call("POST", "/url", {"url": page.as_uri()})
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    seen = browser.run("return [document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor,"
                       " document.querySelector('.plot')._fullLayout.paper_bgcolor,"
                       " Array.from(document.querySelectorAll('button')).filter(e => e.getClientRects().length).length]")
    check(seen[0] <= 720 and seen[1] == "rgb(255, 255, 255)" and seen[2] == "#ffffff" and seen[3] == 0,
          f"on paper: expected at most 720 px, white twice and no button, got {seen}")
    set_view(browser, 720, browser.run("return document.documentElement.scrollHeight"), features, "print")
    path.write_bytes(base64.b64decode(browser.call("GET", "/screenshot")))
    browser.devtools("Emulation.clearDeviceMetricsOverride", {})
    browser.devtools("Emulation.setEmulatedMedia", {"media": "", "features": []})


def check_without_script(browser, page):
    browser.devtools("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.call("POST", "/url", {"url": page.as_uri()})
    browser.devtools("Emulation.setScriptExecutionDisabled", {"value": False})
    told = browser.run("return document.querySelector('noscript').getClientRects().length + document.querySelector('noscript').children.length")
    check(told > 0, "without JavaScript: nothing says why there are no plots")


def main():
    program, plotly, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        print("skipped: Chromium or chromedriver is not installed")
        return 77
    folder.mkdir(parents=True, exist_ok=True)
    axe = find_axe()
    if axe is None:
        print("contrast is not checked: axe-core-python is not installed")
    browser = Browser(chromium, driver)
    try:
        for sample, expected in EXPECTED.items():
            with tempfile.TemporaryDirectory() as work:
                subprocess.run([program, work, plotly, sample], check=True, stdout=subprocess.DEVNULL)
                page = pathlib.Path(work, "report.html").resolve()
                check_page(browser, page, sample, expected)
                for width, size in ((WIDTH, ""), (PHONE_WIDTH, "-phone")):
                    for scheme, suffix in (("light", ""), ("dark", "-dark")):
                        check_width(browser, page, width, scheme, folder / f"report-{sample}{size}{suffix}.png", axe)
                check_paper(browser, page, folder / f"report-{sample}-paper.png")
                check_without_script(browser, page)
            print(f"{sample}: ok, {folder}/report-{sample}.png")
    finally:
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
