"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { theme } = page;
  const others = data.arms.filter((arm) => arm !== data.baseline);
  const color = (arm) => (arm === data.baseline && !data.is_one_run ? theme.baseline : theme.arms[Math.max(0, others.indexOf(arm)) % theme.arms.length]);
  const dashes = ["solid", "dash", "dot", "dashdot", "longdash"];
  const seeds = [...new Set(data.runs.map((run) => run.seed))].sort((a, b) => a - b);
  // Of many runs the legend names the arms alone; pointing at a line tells its seed.
  const isCrowded = data.runs.length > 8 && seeds.length > 2;
  const dash = (seed) => (isCrowded ? "solid" : dashes[Math.max(0, seeds.indexOf(seed)) % dashes.length]);
  const name = (arm, seed) => (seeds.length > 1 ? arm + ", seed " + seed : arm);
  // On a phone the tools would lie over the legend.
  const isNarrow = page.isNarrow();
  const config = { displaylogo: false, displayModeBar: isNarrow ? false : "hover", responsive: true, showSendToCloud: false, plotlyServerURL: "",
    modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"] };

  // How each trace is named: `meta` is the run, which the label at the pointer and the CSV have.
  function named(traces) {
    const shown = new Set();
    for (const trace of traces) {
      trace.meta = trace.meta || trace.name;
      if (!isCrowded || trace.legendgroup === undefined) continue;
      trace.name = trace.legendgroup;
      trace.showlegend = !shown.has(trace.legendgroup);
      shown.add(trace.legendgroup);
    }
    return traces;
  }

  // The clocks a curve can be drawn against; time picks its unit from the longest run.
  const longest = Math.max(1, ...data.runs.map((run) => Math.max(0, ...run.validation.seconds)));
  const [timeUnit, timeName] = longest > 7200 ? [3600, "hours"] : longest > 180 ? [60, "minutes"] : [1, "seconds"];
  const clocks = {
    positions: { label: "Positions", title: "positions computed (compute)", scale: 1 },
    raw_tokens: { label: "Raw tokens", title: "raw tokens read", scale: 1 },
    seconds: { label: "Time", title: "time of the training steps, " + timeName, scale: 1 / timeUnit },
  };
  const scaled = (values, scale) => values.map((value) => value * scale);

  function axis(title, extra) {
    return Object.assign({
      title: { text: title, standoff: 12, font: { size: 13, color: theme.muted } }, gridcolor: theme.grid, linecolor: theme.edge, showline: true, ticks: "outside",
      tickcolor: theme.edge, zeroline: false, automargin: true,
    }, extra);
  }

  function layout(x, y, extra) {
    return Object.assign({
      font: theme.font, paper_bgcolor: theme.card, plot_bgcolor: theme.card, margin: { l: 64, r: 18, t: 40, b: 52 }, hovermode: "closest",
      hoverlabel: { bgcolor: theme.card, bordercolor: theme.edge, font: theme.font }, xaxis: x, yaxis: y, showlegend: true,
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", traceorder: "normal" },
    }, extra);
  }

  function draw(id, traces, plotLayout) {
    named(traces);
    const entries = traces.filter((trace) => trace.showlegend !== false).length;
    plotLayout.showlegend = entries > 1 || traces.length === 1 && !data.is_one_run;
    // The legend has one line an entry.
    if (isNarrow) document.getElementById(id).style.height = 300 + 19 * (entries > 1 ? entries : 0) + "px";
    return Plotly.react(id, traces, plotLayout, config);
  }

  // A row of buttons above a plot; `choose` is called with the chosen key, at once with the first.
  function buttons(id, label, options, choose) {
    if (options.length < 2) return;
    const group = document.createElement("div");
    group.className = "group";
    group.append(label);
    const row = document.createElement("div");
    row.className = "buttons";
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", label);
    for (const [key, text] of options) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.dataset.key = key;
      button.setAttribute("aria-pressed", String(key === options[0][0]));
      button.addEventListener("click", () => {
        for (const other of row.children) other.setAttribute("aria-pressed", String(other === button));
        choose(key);
      });
      row.append(button);
    }
    group.append(row);
    document.querySelector('[data-for="' + id + '"]').append(group);
  }

  const known = (clock) => data.runs.some((run) => [run.validation[clock], run.steps[clock]].some((values) => values.some((value) => value > 0)));
  for (const clock of Object.keys(clocks)) if (!known(clock)) delete clocks[clock];  // another trainer may not record it
  if (!clocks.positions) clocks.step = { label: "Steps", title: "optimizer steps", scale: 1 };
  const firstClock = clocks.positions ? "positions" : "step";
  const clockOptions = Object.entries(clocks).map(([key, clock]) => [key, clock.label]);

  // A line where each arm switches; those at the same place share one, which names them.
  function switchLines(clock) {
    const marks = new Map();
    let last = 0;
    for (const run of data.runs) {
      last = Math.max(last, ...run.validation[clock], ...run.steps[clock]);
      if (!run.switch || run.switch[clock] === undefined) continue;
      const place = run.switch[clock].toPrecision(2);
      if (!marks.has(place)) marks.set(place, { x: run.switch[clock] * clocks[clock].scale, at: run.switch[clock], arms: new Set() });
      marks.get(place).arms.add(run.arm);
    }
    const few = [...marks.values()].slice(0, 8);
    const tint = (mark) => (mark.arms.size === 1 ? color([...mark.arms][0]) : theme.muted);
    const words = (mark) => {
      if (data.is_one_run || isNarrow) return "switch";  // a phone has room for the colour alone
      return mark.arms.size > 2 ? "switch of " + mark.arms.size + " arms" : "switch of " + [...mark.arms].join(", ");
    };
    return {
      shapes: few.map((mark) => ({ type: "line", x0: mark.x, x1: mark.x, yref: "paper", y0: 0, y1: 1,
        line: { color: tint(mark), width: 1, dash: "dot" } })),
      annotations: few.map((mark, i) => ({ x: mark.x, yref: "paper", y: 1, text: words(mark), showarrow: false,
        xanchor: mark.at > 0.6 * last ? "right" : "left", yanchor: "top", xshift: mark.at > 0.6 * last ? -5 : 5, yshift: -18 * i,
        font: { size: 12, color: tint(mark) }, bgcolor: theme.card, opacity: 0.85 })),
    };
  }

  // Of a run on a validation set; the primary one is what every outcome is computed from.
  const lossOn = (run, set) => (set === 0 ? run.validation.loss : run.sets[set]);

  // Close-up: from the lowest point to a little above where the baseline stands after a sixth of its run.
  function closeUp(set) {
    const known = (run) => lossOn(run, set).filter((loss) => loss !== null);
    const all = data.runs.flatMap(known);
    if (Math.max(0, ...data.runs.map((run) => known(run).length)) < 8) return { autorange: true };  // little to look at
    const low = Math.min(...all);
    const from = data.runs.filter((run) => run.arm === data.baseline && known(run).length).map((run) => {
      const loss = known(run);
      return loss[Math.min(loss.length - 1, Math.ceil(loss.length / 6))];
    });
    const high = from.length ? Math.max(...from) : Math.max(...all);
    const margin = Math.max(1e-6, high - low);
    return { range: [low - 0.08 * margin, high + 0.25 * margin] };
  }

  function validationPlot() {
    const id = "plot-validation";
    if (!document.getElementById(id)) return;
    let clock = firstClock;
    let view = "close";
    let set = 0;
    const show = () => {
      const traces = data.runs.map((run) => ({
        type: "scatter", mode: "lines+markers", name: run.label, legendgroup: run.arm, x: scaled(run.validation[clock], clocks[clock].scale),
        y: lossOn(run, set), customdata: run.validation.step, line: { color: color(run.arm), width: 2, dash: dash(run.seed) },
        marker: { size: 4 }, hovertemplate: "%{meta}<br>step %{customdata:,}<br>loss %{y:.4f}<extra></extra>",
      }));
      const of = data.sets.length > 1 ? "loss on " + data.sets[set] : "held-out loss";
      const title = of + (set === 0 ? data.half : "") + ", nats per token";
      const y = axis(title, view === "close" ? closeUp(set) : { autorange: true });
      draw(id, traces, layout(axis(clocks[clock].title, { rangemode: "tozero" }), y, switchLines(clock)));
    };
    if (data.sets.length > 1) {
      const options = data.sets.map((setName, index) => ["set-" + index, setName]);
      buttons(id, "Loss on", options, (key) => { set = Number(key.slice(4)); show(); });
    }
    buttons(id, "Against", clockOptions, (key) => { clock = key; show(); });
    buttons(id, "Show", [["close", "Close-up"], ["all", "Whole range"]], (key) => { view = key; show(); });
    page.start(id, show);
  }

  // A line for each run whose step records hold this member of a series.
  function seriesTraces(series, member, clock, hover) {
    return data.runs.filter((run) => run.steps.series[series] && run.steps.series[series][member]).map((run) => ({
      type: "scatter", mode: "lines", name: run.label, legendgroup: run.arm, x: scaled(run.steps[clock], clocks[clock].scale),
      y: run.steps.series[series][member], customdata: run.steps.step, line: { color: color(run.arm), width: 1.5, dash: dash(run.seed) },
      hovertemplate: "%{meta}<br>step %{customdata:,}<br>" + hover + "<extra></extra>",
    }));
  }

  function bagPlot() {
    const id = "plot-bag";
    if (!document.getElementById(id)) return;
    let clock = firstClock;
    const show = () => {
      const traces = seriesTraces("bag loss", "", clock, "bag loss %{y:.4f}");
      draw(id, traces, layout(axis(clocks[clock].title, { rangemode: "tozero" }), axis("bag loss, nats per token")));
    };
    buttons(id, "Against", clockOptions, (key) => { clock = key; show(); });
    page.start(id, show);
  }

  // One quantity of the step records at a time: a line for each run, or for each of its members.
  function stepPlot() {
    const id = "plot-steps";
    if (!document.getElementById(id)) return;
    const runs = data.runs.filter((run) => run.steps.step.length);
    const names = [...new Set(runs.flatMap((run) => Object.keys(run.steps.series)))];
    const first = ["training loss", "learning rate", "gradient norm", "positions per second", "waiting for data, %"];
    const rank = (quantity) => (first.includes(quantity) ? first.indexOf(quantity) : first.length);
    names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
    const isOneRun = runs.length === 1;
    let clock = firstClock;
    let quantity = names[0];
    const show = () => {
      const traces = runs.flatMap((run) => Object.entries(run.steps.series[quantity] || {}).map(([member, values], i) => ({
        type: "scatter", mode: "lines", name: !member ? run.label : isOneRun ? member : run.label + ", " + member,
        legendgroup: member ? undefined : run.arm,
        x: scaled(run.steps[clock], clocks[clock].scale), y: values, customdata: run.steps.step,
        line: { color: isOneRun && member ? theme.arms[i % theme.arms.length] : color(run.arm), width: 1.5,
          dash: member && !isOneRun ? dashes[i % dashes.length] : dash(run.seed) },
        hovertemplate: "%{meta}<br>step %{customdata:,}<br>%{y:.4g}<extra></extra>",
      })));
      draw(id, traces, layout(axis(clocks[clock].title, { rangemode: "tozero" }), axis(quantity.replaceAll("_", " ")), switchLines(clock)));
    };
    buttons(id, "Show", names.map((one) => [one, one.replaceAll("_", " ")]), (key) => { quantity = key; show(); });
    buttons(id, "Against", clockOptions, (key) => { clock = key; show(); });
    page.start(id, show);
  }

  // The first points after the switch lie far below; the view holds what comes after them, zooming out shows all.
  function gapRange() {
    const later = data.gaps.flatMap((gap) => {
      const first = gap.step.findIndex((step) => step > gap.switch_step);
      const rest = gap.gap.slice(Math.max(0, first));
      return rest.slice(Math.floor(rest.length / 8));
    });
    if (!later.length) return {};
    const low = Math.min(0, ...later);
    const high = Math.max(0, ...later);
    const margin = Math.max(1e-4, 0.15 * (high - low));
    return { range: [low - margin, high + margin] };
  }

  function gapPlot() {
    const id = "plot-gap";
    if (!document.getElementById(id)) return;
    let view = "close";
    const show = () => {
      const traces = data.gaps.map((gap) => ({
        type: "scatter", mode: "lines+markers", name: name(gap.arm, gap.seed), legendgroup: gap.arm, x: gap.positions, y: gap.gap,
        customdata: gap.step, line: { color: color(gap.arm), width: 2, dash: dash(gap.seed) }, marker: { size: 5 },
        hovertemplate: "%{meta}<br>step %{customdata:,}<br>gap %{y:+.4f}<extra></extra>",
      }));
      const marks = switchLines("positions");
      marks.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: 0, y1: 0, line: { color: theme.muted, width: 1 } });
      for (const [y, text, anchor] of [[1, "ahead of " + data.baseline, "top"], [0, "behind " + data.baseline, "bottom"]]) {
        marks.annotations.push({ xref: "paper", x: 1, xanchor: "right", xshift: -6, yref: "paper", y, yanchor: anchor, text,
          showarrow: false, font: { size: 12, color: theme.muted }, bgcolor: theme.card, opacity: 0.85 });
      }
      const y = axis("gap, nats per token", view === "close" ? gapRange() : { autorange: true, rangemode: "tozero" });
      draw(id, traces, layout(axis(clocks.positions.title, { rangemode: "tozero" }), y, marks));
    };
    buttons(id, "Show", [["close", "Close-up"], ["all", "Whole range"]], (key) => { view = key; show(); });
    page.start(id, show);
  }

  function ratePlot() {
    const id = "plot-rates";
    if (!document.getElementById(id)) return;
    const traces = data.rates.map((grid) => ({
      type: "scatter", mode: "lines+markers", name: grid.arm, x: grid.rate, y: grid.loss, connectgaps: false,
      line: { color: color(grid.arm), width: 2 },
      marker: { opacity: 1, size: grid.rate.map((rate) => (rate === grid.best ? 13 : 8)), color: color(grid.arm),
        line: { color: theme.ink, width: grid.rate.map((rate) => (rate === grid.best ? 2 : 0)) } },
      hovertemplate: "%{meta}<br>rate %{x}<br>loss %{y:.4f}<extra></extra>",
    }));
    const rates = [...new Set(data.rates.flatMap((grid) => grid.rate))].sort((a, b) => a - b);
    const x = axis("peak learning rate", { type: "log", tickvals: rates, ticktext: rates.map((rate) => String(rate)) });
    draw(id, traces, layout(x, axis("final loss on half A, nats per token")));
  }

  // One line per seed, one legend entry per arm.
  function budgetPlot() {
    const id = "plot-budgets";
    const listed = new Set();
    const traces = data.budgets.map((curve) => ({
      type: "scatter", mode: "lines+markers", name: curve.arm, legendgroup: curve.arm,
      showlegend: !listed.has(curve.arm) && Boolean(listed.add(curve.arm)), x: curve.flops, y: curve.loss,
      meta: name(curve.arm, curve.seed), customdata: curve.budget.map((budget) => [budget, curve.seed]), line: { color: color(curve.arm), width: 1.5 },
      opacity: 0.75, marker: { size: 8 },
      hovertemplate: "%{meta}<br>budget %{customdata[0]}<br>%{x:.3s}FLOP<br>loss %{y:.4f}<extra></extra>",
    }));
    const annotations = data.arrows.flatMap((arrow) => {
      const [from, to] = [Math.log10(arrow.from), Math.log10(arrow.to)];
      return [
        { x: to, y: arrow.loss, ax: from, ay: arrow.loss, axref: "x", ayref: "y", text: "", showarrow: true, arrowhead: 2,
          arrowsize: 1.1, arrowwidth: 2.5, arrowcolor: color(arrow.arm) },
        { x: (from + to) / 2, y: arrow.loss, text: arrow.text, showarrow: false, yshift: 13,
          font: { size: 13, color: color(arrow.arm) }, bgcolor: theme.card, opacity: 0.9 },
      ];
    });
    const x = axis("FLOPs of the whole run", { type: "log", tickformat: ".2s", dtick: "D2", minor: { dtick: "D1" } });
    draw(id, traces, layout(x, axis("final loss, nats per token"), { annotations }));
  }

  function copyingPlot() {
    const id = "plot-copying";
    if (!document.getElementById(id)) return;
    const runs = data.runs.filter((run) => run.copying.some((value) => value !== null));
    let clock = firstClock;
    const show = () => {
      const traces = runs.map((run) => ({
        type: "scatter", mode: "lines+markers", name: run.label, legendgroup: run.arm, x: scaled(run.validation[clock], clocks[clock].scale),
        y: run.copying, customdata: run.validation.step, line: { color: color(run.arm), width: 2, dash: dash(run.seed) },
        marker: { size: 4 }, cliponaxis: false, hovertemplate: "%{meta}<br>step %{customdata:,}<br>copying %{y:.4f}<extra></extra>",
      }));
      const marks = switchLines(clock);
      marks.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: data.copies, y1: data.copies,
        line: { color: theme.muted, width: 1, dash: "dash" } });
      const y = axis("copying, nats per token", { rangemode: "tozero" });
      draw(id, traces, layout(axis(clocks[clock].title, { rangemode: "tozero" }), y, marks));
    };
    buttons(id, "Against", clockOptions, (key) => { clock = key; show(); });
    page.start(id, show);
  }

  function taskPlot() {
    const id = "plot-tasks";
    if (!document.getElementById(id)) return;
    let clock = firstClock;
    let task = 0;
    const names = [...new Set(data.tasks.flatMap((one) => one.scores.map((of) => of.name)))];
    let score = names[0];
    const show = () => {
      const scores = data.tasks[task].scores;
      const shown = scores.find((one) => one.name === score) || scores[0];
      const runs = data.runs.filter((run) => run.tasks[task].step.length);
      const traces = runs.map((run) => ({
        type: "scatter", mode: "lines+markers", name: run.label, legendgroup: run.arm, x: scaled(run.tasks[task][clock], clocks[clock].scale),
        y: run.tasks[task].scores[shown.name], customdata: run.tasks[task].step,
        line: { color: color(run.arm), width: 2, dash: dash(run.seed) }, marker: { size: 4 },
        hovertemplate: "%{meta}<br>step %{customdata:,}<br>%{y:.4f}<extra></extra>",
      }));
      const marks = switchLines(clock);
      if (shown.chance !== null) {
        marks.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: shown.chance, y1: shown.chance,
          line: { color: theme.muted, width: 1, dash: "dash" } });
      }
      const values = traces.flatMap((trace) => trace.y).concat(shown.chance).filter((value) => value !== null);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const margin = Math.max(1e-6, 0.08 * (high - low));
      const y = axis(data.tasks[task].name + ": " + shown.words, { range: [low - margin, high + margin] });
      draw(id, traces, layout(axis(clocks[clock].title, { rangemode: "tozero" }), y, marks));
    };
    if (data.tasks.length > 1) {
      const options = data.tasks.map((one, index) => ["task-" + index, one.name]);
      buttons(id, "Task", options, (key) => { task = Number(key.slice(5)); show(); });
    }
    buttons(id, "Show", names.map((one) => [one, one.replaceAll("_", " ")]), (key) => { score = key; show(); });
    buttons(id, "Against", clockOptions, (key) => { clock = key; show(); });
    page.start(id, show);
  }

  function routerPlot() {
    const id = "plot-router";
    if (!document.getElementById(id)) return;
    const titles = { max_load: "largest load / mean load of an expert", entropy: "entropy of routers, nats" };
    let clock = firstClock;
    let value = "max_load";
    const show = () => {
      const traces = seriesTraces("router", value, clock, value.replace("_", " ") + " %{y:.3f}");
      draw(id, traces, layout(axis(clocks[clock].title, { rangemode: "tozero" }), axis(titles[value]), switchLines(clock)));
    };
    buttons(id, "Show", [["max_load", "Load"], ["entropy", "Entropy"]], (key) => { value = key; show(); });
    buttons(id, "Against", clockOptions, (key) => { clock = key; show(); });
    page.start(id, show);
  }

  function positionPlot() {
    const id = "plot-positions";
    if (!document.getElementById(id)) return;
    const label = (first, end) => (end - first === 1 ? String(first) : first + "-" + (end - 1));
    const traces = data.positions.map((curve) => ({
      type: "scatter", mode: "lines+markers", name: curve.arm, x: curve.first.map((first, i) => label(first, curve.end[i])),
      y: curve.loss, line: { color: color(curve.arm), width: 2 }, marker: { size: 7 },
      hovertemplate: "%{meta}<br>position %{x}<br>loss %{y:.4f}<extra></extra>",
    }));
    draw(id, traces, layout(axis("position in the window", { type: "category" }), axis("final loss, nats per token")));
  }

  // The plots that have no buttons are drawn as they are.
  function plain(id, drawing) {
    if (document.getElementById(id)) page.start(id, drawing);
  }

  validationPlot();
  gapPlot();
  plain("plot-budgets", budgetPlot);
  taskPlot();
  copyingPlot();
  plain("plot-positions", positionPlot);
  plain("plot-rates", ratePlot);
  bagPlot();
  routerPlot();
  stepPlot();
  page.addTools();
  page.openTarget();
})();
