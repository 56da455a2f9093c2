"use strict";
// What serves every part of the page: colours of the reader's scheme, plots that are drawn when they can be seen, copies and
// downloads.
const page = (() => {
  const root = document.documentElement;
  const isNarrow = () => window.innerWidth <= 720;

  // Colours are those of style.css, so that plots follow the scheme of the page.
  const css = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const theme = {};
  function readTheme() {
    for (const name of ["ink", "muted", "line", "edge", "grid", "card", "baseline"]) theme[name] = css(name);
    theme.arms = [1, 2, 3, 4, 5, 6].map((number) => css("arm-" + number));
    theme.font = { family: getComputedStyle(document.body).fontFamily, size: 13, color: theme.ink };
  }
  readTheme();

  // A folded plot has no size to draw into: it waits until its part of the page is opened.
  const plots = new Map();
  const isVisible = (element) => element.getClientRects().length > 0;
  function redraw() {
    readTheme();
    for (const [element, show] of plots) if (isVisible(element)) show();
  }
  function start(id, show) {
    const element = document.getElementById(id);
    plots.set(element, show);
    if (isVisible(element)) show();
  }
  document.addEventListener("toggle", (event) => {
    if (!event.target.open) return;
    for (const [element, show] of plots) if (event.target.contains(element) && isVisible(element)) show();
  }, true);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  // On paper: the light scheme, as wide as the paper.
  window.addEventListener("beforeprint", () => {
    root.dataset.theme = "light";
    root.classList.add("printing");
    redraw();
  });
  window.addEventListener("afterprint", () => {
    delete root.dataset.theme;
    root.classList.remove("printing");
    redraw();
  });

  // A link to a folded section opens it.
  function openTarget() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const fold = target && target.querySelector(":scope > details.fold");
    if (fold) fold.open = true;
  }
  window.addEventListener("hashchange", openTarget);
  for (const link of document.querySelectorAll("nav a")) {
    link.addEventListener("click", () => {  // also where the address is the same as before
      const fold = document.querySelector(link.hash + " > details.fold");
      if (fold) fold.open = true;
    });
  }

  function button(text, label, press) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "tool";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", () => press(made));
    return made;
  }

  function save(name, type, content) {
    const link = document.createElement("a");
    const isAddress = content.startsWith("data:");
    link.href = isAddress ? content : URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
    if (!isAddress) setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const cell = (text) => (/[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
  const csvOf = (rows) => rows.map((row) => row.map((value) => cell(String(value ?? ""))).join(",")).join("\n") + "\n";
  const ownText = (element) => Array.from(element.childNodes).filter((node) => node.nodeName !== "SMALL").map((node) => node.textContent).join("").trim();
  const note = (element) => { const small = element && element.querySelector("small"); return small ? small.textContent : ""; };

  // The small print of a cell becomes a column of its own, so that figures stay figures.
  function rowsOfTable(table) {
    const head = Array.from(table.tHead.rows[0].cells);
    const body = Array.from(table.tBodies[0].rows);
    const columns = Math.max(head.length, ...body.map((row) => row.cells.length));
    const noted = Array.from({ length: columns }, (_, i) => body.some((row) => note(row.cells[i])));
    const line = (texts, notes) => texts.flatMap((text, i) => (noted[i] ? [text, notes[i]] : [text]));
    const names = head.map(ownText);
    return [...(head.length ? [line(names, names.map((name) => (name + " (note)").trim()))] : []),
      ...body.map((row) => line(Array.from(row.cells).map(ownText), Array.from(row.cells).map(note)))];
  }

  function rowsOfPlot(plot) {
    const layout = plot.layout;
    const rows = [["line", layout.xaxis.title.text, layout.yaxis.title.text]];
    for (const trace of plot.data) trace.x.forEach((x, i) => rows.push([trace.meta || trace.name, x, trace.y[i]]));
    return rows;
  }

  async function copy(pre, made) {
    const text = pre.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // not allowed for this page: the old way
      getSelection().selectAllChildren(pre);
      document.execCommand("copy");
    }
    made.textContent = "Copied";
    setTimeout(() => { made.textContent = "Copy"; }, 1500);
  }

  function addTools() {
    for (const pre of document.querySelectorAll("pre")) {
      const box = document.createElement("div");
      box.className = "copyable";
      pre.replaceWith(box);
      pre.tabIndex = 0;
      const made = button("Copy", "Copy this text", () => copy(pre, made));
      box.append(pre, made);
    }
    for (const scroll of document.querySelectorAll(".scroll")) {
      const table = scroll.querySelector("table");
      const bar = document.createElement("div");
      bar.className = "tools";
      const section = scroll.closest("section");
      bar.append(button("CSV", "Save this table as CSV", () => save((section ? section.id : "table") + ".csv", "text/csv", csvOf(rowsOfTable(table)))));
      scroll.after(bar);
      scroll.tabIndex = 0;
    }
    for (const plot of document.querySelectorAll(".plot")) {
      const name = plot.id.replace("plot-", "");
      const bar = document.createElement("div");
      bar.className = "tools";
      bar.append(button("CSV", "Save the points of this plot as CSV", () => save(name + ".csv", "text/csv", csvOf(rowsOfPlot(plot)))),
        button("SVG", "Save this plot as SVG", async () => save(name + ".svg", "image/svg+xml",
          await Plotly.toImage(plot, { format: "svg", width: plot.clientWidth, height: plot.clientHeight }))));
      plot.closest("figure").append(bar);
    }
  }

  return { theme, isNarrow, start, addTools, openTarget, rowsOfTable, rowsOfPlot, csvOf };
})();
