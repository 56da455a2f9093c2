#!/usr/bin/env python3
"""The picture of what run.py has measured: every program's positions/s relative to ours, as one SVG file.

    python bench/peers/plot.py docs/benchmarks/NAME.json --out docs/images/NAME.svg

A panel for each shape, precision and bag size (--bags); thin lines are the lowest and highest block. Several files of
one machine make one picture. Needs nothing but Python.
"""

import argparse
import html
import json
import pathlib

NAMES = {
    "superpose": "Superpose",
    "eager": "PyTorch",
    "compile": "torch.compile",
    "eager-separate": "PyTorch, loss by slot",
    "compile-max-autotune": "compile, max-autotune",
    "compile-separate": "compile, loss by slot",
    "hugging-face": "transformers",
    "hugging-face-compile": "transformers, compile",
}
INK, FAINT, RULE, OURS, PEER = "#1f2328", "#59636e", "#c4cad1", "#1a6fb5", "#b4bac2"
MARGIN, NAME_WIDTH, BARS_WIDTH, VALUE_WIDTH = 16, 150, 180, 130  # pixels
PANEL_WIDTH = NAME_WIDTH + BARS_WIDTH + VALUE_WIDTH
HEAD_HEIGHT, PANEL_HEAD, BAR_STEP, BAR_HEIGHT = 72, 30, 22, 14
BUSY = 1.5  # load average above which a figure is not final (bench/README.md)


def text(x, y, words, color=INK, size=13, weight="normal", anchor="start"):
    """Has a white edge, so that it can be read where it lies on a line."""
    return (f'<text x="{x:.0f}" y="{y:.0f}" fill="{color}" font-size="{size}" font-weight="{weight}" '
            'stroke="white" stroke-width="3" paint-order="stroke" '
            f'text-anchor="{anchor}">{html.escape(words)}</text>')  # fmt: skip


def line(x1, x2, y1, y2, color):
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def case_of(program, bag):
    return next((case for case in program["cases"] if case["bag_size"] == bag), None)


def relative_speed(case):
    """Lowest, median and highest of the rate over ours."""
    return [1 / case["time_to_ours"][key] for key in ("highest", "median", "lowest")]


def bar(program, bag, x, y, scale):
    """One program: its name, its bar, and the ratio in words."""
    ours, case = program["name"] == "superpose", case_of(program, bag)
    middle = y + BAR_HEIGHT / 2
    name = NAMES.get(program["name"], program["name"])
    shapes = [text(x + NAME_WIDTH - 8, middle + 4, name, weight="bold" if ours else "normal", anchor="end")]
    start = x + NAME_WIDTH
    if case is None:
        return shapes + [text(start + 4, middle + 4, "failed", FAINT)]
    lowest, median, highest = relative_speed(case)
    shapes.append(f'<rect x="{start}" y="{y}" width="{scale * median:.1f}" height="{BAR_HEIGHT}" '
                  f'fill="{OURS if ours else PEER}"/>')  # fmt: skip
    if highest > lowest:
        shapes.append(line(start + scale * lowest, start + scale * highest, middle, middle, FAINT))
    note = f"ours {1 / median:.2f}x" if case["losses_agree"] else "losses differ"
    words = f"{case['positions_per_second']['median']:,.0f}/s" if ours else f"{median:.2f} ({note})"
    return shapes + [text(start + scale * max(highest, median) + 6, middle + 4, words)]


def panel(result, bag, x, y, scale):
    name, millions = pathlib.Path(result["recipe"]).stem, result["settings"]["parameters"] / 1e6
    bags = f", s = {bag}" if bag > 1 else ""
    start, top = x + NAME_WIDTH, y + PANEL_HEAD
    bottom = top + len(result["programs"]) * BAR_STEP
    shapes = [text(start, y + 16, f"{name} ({millions:.1f}M), {result['precision']}{bags}", weight="bold")]
    shapes += [line(at, at, top - 4, bottom, RULE) for at in (start, start + scale)]
    for index, program in enumerate(result["programs"]):
        shapes += bar(program, bag, x, top + index * BAR_STEP, scale)
    return shapes


def machine_of(run):
    lines = run["superpose_version"].splitlines()
    return next(words for words in lines if words.startswith("CPU ")).removeprefix("CPU ").partition(":")[0]


def subtitle(runs):
    dates = sorted({run["date"] for run in runs})
    threads = sorted({result["settings"]["threads"] for run in runs for result in run["results"]})
    words = [machine_of(runs[0]), f"{' and '.join(map(str, threads))} threads", f"torch {runs[0]['packages']['torch']}"]
    if runs[0]["packages"]["transformers"]:
        words.append(f"transformers {runs[0]['packages']['transformers']}")
    load = runs[0]["load_average"][0][0]  # later files may have been made right after, at the load of the first
    busy = [f"load average {load:.1f}: not final"] if load > BUSY else []
    return ", ".join(words + [" to ".join(dict.fromkeys((dates[0], dates[-1])))] + busy)


def picture(runs, bags):
    results = [result for run in runs for result in run["results"]]
    precisions = list(dict.fromkeys(result["precision"] for result in results))
    cases = [case_of(p, bag) for result in results for p in result["programs"] for bag in bags]
    scale = BARS_WIDTH / max([1] + [relative_speed(case)[2] for case in cases if case is not None])
    shapes, y = [], HEAD_HEIGHT
    for recipe in dict.fromkeys(result["recipe"] for result in results):
        for bag in bags:
            row = [r for r in results if r["recipe"] == recipe and case_of(r["programs"][0], bag) is not None]
            for result in row:
                x = MARGIN + precisions.index(result["precision"]) * PANEL_WIDTH
                shapes += panel(result, bag, x, y, scale)
            y += max([PANEL_HEAD + len(result["programs"]) * BAR_STEP + 14 for result in row], default=0)
    width, height = 2 * MARGIN + len(precisions) * PANEL_WIDTH, y + 6
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        text(MARGIN, 30, "Training step: positions/s relative to Superpose = 1 (longer is faster)", size=17, weight="bold"),
        text(MARGIN, 52, subtitle(runs), FAINT),
    ]
    return "\n".join(head + shapes + ["</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path, help="JSON of run.py")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="SVG file")
    parser.add_argument("--bags", default="1", help="bag sizes to show (default %(default)s)")
    options = parser.parse_args()
    runs = [json.loads(path.read_text()) for path in options.files]
    if len({machine_of(run) for run in runs}) > 1:
        raise SystemExit("plot.py: the files come from different machines")
    options.out.write_text(picture(runs, list(map(int, options.bags.split(",")))))


if __name__ == "__main__":
    main()
