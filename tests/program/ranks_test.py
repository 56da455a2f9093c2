"""Several ranks: the same run as one, also across a change of their number, and none left behind when one dies."""

import importlib.util
import json
import math
import os
import shutil
import signal
import socket
import sys

import program

STEPS = 100
# A dead rank closes its connections, so the others need not wait for a time-out.
END_LIMIT = 60
# Rounding is not turned into steps of Adam that go the other way, so runs that differ in rounding stay together.
GENTLE = ["--train.steps", STEPS, "--optim.learning_rate", "0.001", "--checkpoint.every", "20",
          "--phases", "[{share = 0.2, bag_size = 4}, {share = 0.2, bag_size = 2}]"]  # fmt: skip
WITHOUT_END = ["--train.steps", "1000000", "--checkpoint.every", "0", "--evaluation.every", "0"]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Ranks(program.ProgramTest):
    @classmethod
    def recipe_words(cls, name, *more):
        """With a second validation set, and documents that are kept apart in their rows."""
        own = cls.folder / "own.txt"
        if not own.exists():
            own.write_text("a text of its own, which no run of this test trains on; " * 40)
        sets = f'[{{name = "held_out"}}, {{name = "own", sources = ["{own}"]}}]'
        resets = ["--data.document_aware", "true", "--data.reset_attention", "true", "--data.reset_positions", "true"]
        return super().recipe_words(name, "--validation", sets, *resets, *more)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        result = program.run(*cls.train_words("one", *GENTLE))
        assert result.code == 0, result

    def launch_words(self, name, *more):
        return ["launch", "-n", "2", *self.train_words(name, *more)]

    def assert_same_run(self, name):
        """The same tokens, and the same losses but for the order of summation."""
        states = []
        for run_name in ("one", name):
            (last,) = program.checkpoints(self.run_folder(run_name))[-1:]
            self.assertEqual(last.name, f"step-{STEPS:08}")
            states.append(json.loads((last / "trainer" / "state.json").read_text())["data"])
        self.assertEqual(states[0]["ids_hash"], states[1]["ids_hash"])
        self.assertEqual(states[0]["consumed"], states[1]["consumed"])
        for kind in ("step", "validation"):
            expected = program.records(self.run_folder("one"), kind)
            found = program.records(self.run_folder(name), kind)
            self.assertEqual([record["step"] for record in found], [record["step"] for record in expected])
            for a, b in zip(expected, found):
                self.assertTrue(math.isclose(a["loss"], b["loss"], abs_tol=program.loss_tolerance(a["loss"])), (a, b))
                self.assertEqual((a["positions"], a["raw_tokens"]), (b["positions"], b["raw_tokens"]))
                self.assertEqual(len(a.get("sets", [])), 2 if kind == "validation" else 0)
                for one, other in zip(a.get("sets", []), b.get("sets", []), strict=True):
                    self.assertEqual(one["name"], other["name"])
                    self.assertTrue(math.isclose(one["loss"], other["loss"], abs_tol=program.loss_tolerance(one["loss"])), (a, b))

    def stop(self, name, words):
        """Starts, sends SIGTERM after some steps; returns the step of the checkpoint left."""
        with program.Process([program.PROGRAM, *words]) as process:
            program.wait_for_steps(process, self.run_folder(name), 7)
            process.send(signal.SIGTERM)
            result = process.wait()
        self.assertEqual(result.code, 3, result)
        self.assert_no_crash(result)
        (last,) = program.checkpoints(self.run_folder(name))[-1:]
        self.assertEqual(program.run("verify", last).code, 0)
        self.assertIn(str(last), result.out)
        step = int(last.name.removeprefix("step-"))
        self.assertLess(step, STEPS, "the signal came too late to test anything")
        return step

    def test_two_ranks_are_one(self):
        result = program.run(*self.launch_words("two", *GENTLE))
        self.assertEqual((result.code, result.err), (0, ""), result)
        self.assertIn("2 ranks", result.out)
        self.assert_same_run("two")

    def test_torchrun(self):
        if importlib.util.find_spec("torch") is None:
            self.skipTest("torch is not installed")
        words = ["-m", "torch.distributed.run", "--no-python", "--nproc-per-node", "2"]
        words += ["--master-port", self.free_port()]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [*words, program.PROGRAM, *self.train_words("torchrun", *GENTLE)]
        result = program.run(*command, program=sys.executable, env=environment)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.out.count("Done: "), 1, "one rank speaks")
        self.assert_same_run("torchrun")

    def test_goes_on_with_more_ranks(self):
        step = self.stop("one-two", self.train_words("one-two", *GENTLE))
        result = program.run(*self.launch_words("one-two", *GENTLE))
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"resuming after {step}\n", result.out)
        self.assertRegex(result.out, r"warning .*\branks? ")
        self.assert_same_run("one-two")

    def test_goes_on_with_fewer_ranks(self):
        """And SIGTERM to the launcher leaves a checkpoint and exit code 3."""
        self.stop("two-one", self.launch_words("two-one", *GENTLE))
        result = program.run(*self.train_words("two-one", *GENTLE))
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, r"warning .*\branks? ")
        self.assert_same_run("two-one")

    def test_experts(self):
        """Counted over all ranks, and resumed with the same bits before, at and after the switch."""
        words = ["--model.qk_norm", "on", "--model.moe.num_experts", "8", "--model.moe.ffn_size", "32",
                 "--optim.balance.weight", "0.1", "--optim.balance.scope", "step", "--optim.balance.z_loss", "0.01",
                 "--optim.learning_rate", "0.001", "--train.steps", "12", "--phases", "[{share = 0.5, bag_size = 4}]",
                 "--checkpoint.every", "3", "--checkpoint.keep", "0"]  # fmt: skip
        for recompute in ("0", "1"):
            with self.subTest(recompute=recompute):
                name = f"experts-{recompute}"
                more = [*words, "--train.recompute_every", recompute]
                result = program.run(*self.launch_words(name, *more))
                self.assertEqual(result.code, 0, result)
                for step in (3, 6, 9):
                    again = f"{name}-from-{step}"
                    shutil.copytree(self.run_folder(name), self.run_folder(again), symlinks=True)
                    for folder in program.checkpoints(self.run_folder(again)):
                        if int(folder.name.removeprefix("step-")) > step:
                            shutil.rmtree(folder)
                    result = program.run(*self.launch_words(again, *more))
                    self.assertIn(f"resuming after {step}\n", result.out)
                    for file in ("model.safetensors", "trainer/optimizer.safetensors"):
                        whole, parts = (program.checkpoints(self.run_folder(one))[-1] / file for one in (name, again))
                        self.assertEqual(parts.read_bytes(), whole.read_bytes(), (step, file))
        self.train("experts-alone", *words)
        for alone, two in zip(program.records(self.run_folder("experts-alone"), "step"),
                              program.records(self.run_folder("experts-0"), "step"), strict=True):  # fmt: skip
            self.assertTrue(math.isclose(alone["loss"], two["loss"], abs_tol=program.loss_tolerance(alone["loss"])))
            self.assertEqual(alone["scalars"].keys(), two["scalars"].keys())
            for key in ("router/entropy", "router/0/balance_loss", "router/0/z_loss", "router/0/max_load"):
                self.assertAlmostEqual(alone["scalars"][key], two["scalars"][key], delta=0.01, msg=key)

    def test_launched_rank_dies(self):
        for victim in (0, 1):
            with self.subTest(f"rank {victim}"):
                name = f"dead-{victim}"
                with program.Process([program.PROGRAM, *self.launch_words(name, *WITHOUT_END)]) as process:
                    program.wait_for_steps(process, self.run_folder(name), 5)
                    ranks = process.children()
                    self.assertEqual(len(ranks), 2)
                    os.kill(ranks[victim], signal.SIGKILL)
                    result = process.wait(END_LIMIT)
                self.assertEqual(result.code, 128 + signal.SIGKILL, result)
                self.assert_names(result.err, "launch", f"rank {victim}", "signal 9")
                for word in ("terminate called", "Exception raised from", "frame #"):
                    self.assertNotIn(word, result.err, result)
                self.assertFalse(any(map(alive, ranks)), "a rank still runs")

    def test_rank_without_a_launcher_ends_when_its_peer_dies(self):
        port = self.free_port()
        processes = []
        for rank in range(2):
            environment = {**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank),
                           "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}  # fmt: skip
            command = [program.PROGRAM, *self.train_words("alone", *WITHOUT_END)]
            processes.append(self.enterContext(program.Process(command, env=environment)))
        program.wait_for_steps(processes[0], self.run_folder("alone"), 5)
        processes[1].send(signal.SIGKILL)
        result = processes[0].wait(END_LIMIT)
        self.assert_one_line(result, "rank")

    def test_wrong_recipe_is_said_once(self):
        result = program.run(*self.launch_words("wrong", "--train.stepz", "5"))
        self.assertEqual(result.code, 2, result)
        said = [line for line in result.err.splitlines() if line.startswith("superpose: ")]
        self.assertEqual(len(said), 1, result)
        self.assertIn("train.stepz", said[0])

    @staticmethod
    def free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return str(probe.getsockname()[1])


program.main()
