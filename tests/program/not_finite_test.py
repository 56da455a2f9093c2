"""A run whose numbers leave the finite ones: it stops before the weights do, and says where."""

import json
import math
import re
import struct

import program

# The decay of weights, multiplied by the rate, is what turns them round and makes them ten times larger at every step:
# the first steps are good ones, then losses grow until f32 ends.
DIVERGING = ["--optim.learning_rate", "0.01", "--optim.warmup_steps", "0", "--optim.weight_decay", "1100"]


def tensors(path):
    """{name: values} of an f32 safetensors file, by the format's description alone."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        assert entry["dtype"] == "F32", (name, entry)
        found[name] = struct.unpack_from(f"<{(end - begin) // 4}f", data, 8 + length + begin)
    return found


class NotFinite(program.ProgramTest):
    def check_stop(self, result, name, phase):
        """One line that names step, phase and the last checkpoint; returns the step that failed."""
        self.assert_one_line(result, "not finite", "weights")
        said = re.search(r"step (\d+) of \d+ \(phase (\d+), bag_size (\d+)\)", result.err)
        self.assertIsNotNone(said, result)
        self.assertEqual(said.groups()[1:], phase, result)
        good = re.search(r"last checkpoint: (.*)\. Try", result.err).group(1)
        kept = program.checkpoints(self.run_folder(name))
        self.assertEqual(good, str(kept[-1]) if kept else "none", result)
        return int(said.group(1))

    def check_checkpoints_finite(self, name):
        kept = program.checkpoints(self.run_folder(name))
        self.assertTrue(kept)
        for checkpoint in kept:
            self.assertEqual(program.run("verify", checkpoint).code, 0)
            for file in ("model.safetensors", "trainer/optimizer.safetensors"):
                for tensor, values in tensors(checkpoint / file).items():
                    self.assertTrue(all(map(math.isfinite, values)), (checkpoint, tensor))

    def check_records(self, name, step):
        """Good steps, then one event."""
        steps = program.records(self.run_folder(name), "step")
        self.assertEqual([record["step"] for record in steps], list(range(1, step)))
        for record in steps:
            self.assertTrue(math.isfinite(record["loss"]) and math.isfinite(record["gradient_norm"]), record)
        (event,) = [event for event in program.records(self.run_folder(name), "event") if event["event"] == "error"]
        self.assert_names(event["text"], "not finite")
        self.assertFalse(program.records(self.run_folder(name), "summary"))

    def test_superposed_phase(self):
        phases = "[{share = 1.0, bag_size = 3}]"
        words = self.train_words("superposed", *DIVERGING, "--checkpoint.every", "4", "--phases", phases)
        step = self.check_stop(program.run(*words), "superposed", ("1", "3"))
        self.assertGreater(step, 5, "the first checkpoints are good ones")
        self.check_checkpoints_finite("superposed")
        self.check_records("superposed", step)
        # The same again, from the last good checkpoint.
        self.assertEqual(self.check_stop(program.run(*words), "superposed", ("1", "3")), step)
        self.check_checkpoints_finite("superposed")

    def test_behind_the_switch(self):
        words = [*DIVERGING, "--checkpoint.every", "0", "--phases", "[{steps = 3, bag_size = 2}]"]
        step = self.check_stop(program.run(*self.train_words("behind", *words)), "behind", ("2", "1"))
        self.check_checkpoints_finite("behind")
        self.assertEqual([folder.name for folder in program.checkpoints(self.run_folder("behind"))], ["step-00000003"])
        self.check_records("behind", step)

    def test_one_step_too_far(self):
        words = ["--optim.learning_rate", "1e30", "--optim.clip_norm", "0"]
        step = self.check_stop(program.run(*self.train_words("far", *words)), "far", ("1", "4"))
        self.assertEqual(step, 2)
        self.assertFalse(program.checkpoints(self.run_folder("far")))
        self.check_records("far", step)

    def test_two_ranks_stop_together(self):
        phases = "[{steps = 3, bag_size = 2}]"
        words = self.train_words("two", *DIVERGING, "--checkpoint.every", "0", "--phases", phases)
        result = program.run("launch", "-n", "2", *words)
        self.assert_no_crash(result)
        self.assertEqual(result.code, 1, result)
        said = [line for line in result.err.splitlines() if line.startswith("superpose: ")]
        self.assertEqual(len(said), 1, result)
        self.assertIn("phase 2, bag_size 1", said[0])
        self.check_checkpoints_finite("two")


program.main()
