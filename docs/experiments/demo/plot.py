"""Draws the held-out loss of every seed over the steps, from curves.csv of a report, as SVG.

    python3 docs/experiments/demo/plot.py CURVES.csv > demo.svg

The colours of the report for the two arms of budget 1, a line per seed. No package is needed.
"""

import collections
import csv
import sys

WIDTH, HEIGHT = 860, 400
LEFT, RIGHT, TOP, BOTTOM = 62, 150, 46, 48
COLOURS = {"baseline": "#4b5768", "tst": "#1d5fa8"}
NAMES = {"baseline": "next-token prediction throughout", "tst": "with superposition first"}
HIGHEST = 4.2  # nats per token; what lies above is of the first steps


def read(path: str) -> dict[tuple[str, int], list[tuple[int, float]]]:
    lines = collections.defaultdict(list)
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["role"] == "final" and float(row["budget"]) == 1:
                lines[row["arm"], int(row["seed"])].append((int(row["step"]), float(row["loss"])))
    return {key: sorted(points) for key, points in lines.items()}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} CURVES.csv")
    lines = read(sys.argv[1])
    last = max(step for points in lines.values() for step, _ in points)
    count = len({seed for _, seed in lines})
    lowest = min(loss for points in lines.values() for _, loss in points) - 0.06

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / last

    def y(loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (HIGHEST - loss) / (HIGHEST - lowest)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="15" font-weight="bold" fill="#1a1a1a">Held-out loss of {count} seeds, at equal compute</text>',
        f'<clipPath id="plot"><rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"/></clipPath>',
    ]
    for tick in (2.5, 3.0, 3.5, 4.0):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="#444444">{tick}</text>')
    for tick in range(0, last + 1, 2000):
        parts.append(f'<text x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#444444">{tick:,}</text>')
    parts.append(f'<text x="{x(last / 2):.1f}" y="{HEIGHT - 10}" text-anchor="middle" fill="#444444">step</text>')
    parts.append(f'<text transform="translate(16 {y((HIGHEST + lowest) / 2):.1f}) rotate(-90)" text-anchor="middle" fill="#444444">nats per token</text>')
    for (arm, _), points in sorted(lines.items()):
        path = " ".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in points)
        parts.append(
            f'<polyline clip-path="url(#plot)" points="{path}" fill="none" stroke="{COLOURS[arm]}" stroke-width="1.7" stroke-opacity="0.85"/>'
        )
    for number, arm in enumerate(("baseline", "tst")):
        top = TOP + 8 + 46 * number
        parts.append(f'<line x1="{WIDTH - RIGHT + 10}" x2="{WIDTH - RIGHT + 34}" y1="{top}" y2="{top}" stroke="{COLOURS[arm]}" stroke-width="3"/>')
        first, second = NAMES[arm].rsplit(" ", 1)
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{top + 18}" font-size="12" fill="#1a1a1a">{first}</text>')
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{top + 33}" font-size="12" fill="#1a1a1a">{second}</text>')
    parts.append("</svg>")
    print("\n".join(parts))


if __name__ == "__main__":
    main()
