#!/usr/bin/env python3
"""Whether a change made the training step slower: two builds of superpose, their blocks of steps alternating.

    bench/peers/commits.py BEFORE AFTER [--recipes bench/recipes/demo.toml ...] [--precisions f32 bf16] [--pairs 12]

BEFORE and AFTER are superpose programs. Both are started, take the same number of steps on the same random ids in blocks of
about --seconds, A B then B A, and of each pair the ratio before / after is taken: above 1 the new build is faster. Prints
the geometric mean with its 95 % t interval for every recipe, precision and bag size, and the peak memory of both. Exit
status 1 where an interval lies wholly below 0.99.
"""
import argparse
import json
import math
import statistics
import subprocess
import sys


class Build:
    def __init__(self, program, recipe, precision, threads):
        command = [program, "bench", recipe, "--turns", "--train.precision", precision, "--train.threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = json.loads(self.process.stdout.readline())

    def ask(self, line):
        print(line, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def seconds(self, case, steps):
        return self.ask(f"step {case} {steps}")["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def ratios(builds, case, pairs, block_seconds):
    for build in builds:
        build.seconds(case, 2)
    steps = max(2, round(block_seconds / (builds[0].seconds(case, 2) / 2)))
    found = []
    for pair in range(pairs):
        order = builds if pair % 2 == 0 else builds[::-1]
        seconds = {build: build.seconds(case, steps) for build in order}
        found.append(seconds[builds[0]] / seconds[builds[1]])
    return found


def student_quantile(freedom):
    """0.975 quantile of Student's t from the normal one (Abramowitz and Stegun 26.7.5); good to 0.004 from 9 on."""
    z = statistics.NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def interval(values):
    logs = [math.log(value) for value in values]
    mean = sum(logs) / len(logs)
    reach = student_quantile(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - reach), math.exp(mean + reach)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--recipes", nargs="+", default=[f"bench/recipes/{name}.toml" for name in ("demo", "tiny", "small")])
    parser.add_argument("--precisions", nargs="+", default=["f32", "bf16"])
    parser.add_argument("--pairs", type=int, default=12, help="10 or more")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    slower = False
    print("| recipe | type | case | before / after | 95 % interval | peak MiB before | after |")
    print("|---|---|---|---|---|---|---|")
    for recipe in arguments.recipes:
        for precision in arguments.precisions:
            builds = [Build(program, recipe, precision, arguments.threads) for program in (arguments.before, arguments.after)]
            for case in range(len(builds[0].ready.get("cases", [0, 1]))):
                mean, low, high = interval(ratios(builds, case, arguments.pairs, arguments.seconds))
                peaks = [build.ask("status")["peak_memory_bytes"] / 2**20 for build in builds]
                slower = slower or high < 0.99
                print(f"| {recipe.rsplit('/', 1)[-1]} | {precision} | {case} | {mean:.3f} | {low:.3f} to {high:.3f} | "
                      f"{peaks[0]:.0f} | {peaks[1]:.0f} |", flush=True)
            for build in builds:
                build.close()
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()
