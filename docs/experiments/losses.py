"""Writes losses.json from report.json: final held-out losses by seed, and the speed-up.

    python3 docs/experiments/losses.py REPORT.json ARM > losses.json

Losses are those of the runs at budget 1, in nats per predicted token, seeds ascending; a seed counts once both arms have
finished it. The speed-up is the equal-loss one in FLOPs (the baseline's over the arm's) with its 95 % interval over seeds;
null where the runs do not determine it, and "bound" says on which side it is open.
"""

import json
import sys


def final_losses(report: dict, arm: str) -> dict[int, float]:
    runs = [run for run in report["runs"] if run["arm"] == arm and run["role"] == "final"]
    return {run["seed"]: run["loss"] for run in runs if run["budget"] == 1 and run["finished"]}


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} REPORT.json ARM")
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    arm = sys.argv[2]
    comparison = next((c for c in report["comparisons"] if c["arm"] == arm), None)
    if comparison is None:
        sys.exit(f"losses.py: {sys.argv[1]}: has no comparison of arm {arm}")
    baseline = final_losses(report, report["baseline"])
    other = final_losses(report, arm)
    seeds = sorted(baseline.keys() & other.keys())
    speed_up = comparison["speed_up"]
    # Where some seeds lie above the measured budgets and some below, a mean of their bounds says nothing.
    factor = speed_up.get("factor", {}) if speed_up.get("determined") else {}
    result = {
        "baseline": [baseline[seed] for seed in seeds],
        "tst": [other[seed] for seed in seeds],
        "seeds": seeds,
        "speed_up": {
            "value": factor.get("mean"),
            "low": factor.get("low"),
            "high": factor.get("high"),
            "bound": speed_up.get("bound") if factor else None,
        },
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
