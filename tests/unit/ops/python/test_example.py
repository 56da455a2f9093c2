"""The example of examples/ runs, learns, and passes its switch."""

import os
import pathlib
import re
import subprocess
import sys


def test_example_trains_through_the_switch():
    script = pathlib.Path(os.environ["SUPERPOSE_EXAMPLES"]) / "train_with_operators.py"
    command = [sys.executable, str(script), "--library", os.environ["SUPERPOSE_OPS_LIBRARY"]]
    command += ["--steps", "40", "--rows", "4", "--positions", "32"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # a busy machine: two spinning threads are slower than one
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, env=environment).stdout
    lines = re.findall(r"step +(\d+) +(bags of 4|next byte) +validation ([\d.]+)", output)
    losses = {int(step): float(loss) for step, _, loss in lines}
    phases = {int(step): phase for step, phase, _ in lines}
    assert phases[0] == "bags of 4" and phases[12] == "next byte" and phases[40] == "next byte"
    # An untrained model is uniform over 256 bytes: ln 256 = 5.545. Bytes of Python sources are far from it.
    assert abs(losses[0] - 5.545) < 0.05
    assert losses[40] < 4.0
