"""Tasks and samples inside a run: on any number of ranks what `superpose eval` and `generate` make of the checkpoint of that step."""

import json

import program

ROWS = program.ROOT / "tests" / "golden" / "references" / "tasks"
SAMPLES = 4
PROMPTS = ["the model reads", "its loss", "é"]
TASKS = (f'[{{name = "hellaswag", data = "{ROWS}", every = 6, samples = {SAMPLES}}}, '
         f'{{name = "winogrande@2", data = "{ROWS}", every = 0, samples = {SAMPLES}}}, '
         f'{{name = "mmlu", data = "{ROWS}", every = 0, samples = {SAMPLES}}}]')  # fmt: skip
# The checkpoints are of steps 6 (superposed), 12 and 18.
RUN = ["--train.steps", "18", "--phases", "[{steps = 7, bag_size = 4}]", "--evaluation.every", "6", "--evaluation.windows", "4",
       "--evaluation.final_windows", "0", "--checkpoint.every", "6", "--checkpoint.at_switch", "false", "--checkpoint.keep", "0",
       "--evaluation.tasks", TASKS, "--evaluation.prompts", json.dumps(PROMPTS, ensure_ascii=False),
       "--evaluation.sample_tokens", "12"]  # fmt: skip


class RunTasks(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, front in (("one", []), ("two", ["launch", "-n", "2"])):
            done = program.run(*front, *cls.train_words(name, *RUN))
            assert (done.code, done.err) == (0, ""), done
            cls.out = done.out

    def eval_scores(self, checkpoint, name):
        task = name.split("/")[0]
        file = self.folder / "scores.json"
        words = ["--tasks", task, "--data", ROWS, "--samples", SAMPLES, "--threads", "1", "--json", file, "--overwrite"]
        result = program.run("eval", checkpoint, *words)
        self.assertEqual(result.code, 0, result)
        scores = json.loads(file.read_text())["models"][0]["scores"]
        return next(score for score in scores if score["name"] == name)

    def texts(self, checkpoint):
        prompts = self.folder / "prompts.jsonl"
        prompts.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in PROMPTS))
        result = program.run("generate", checkpoint, "--prompts", prompts, "--max-tokens", "12", "--threads", "1")
        self.assertEqual(result.code, 0, result)
        return [json.loads(line) for line in result.out.splitlines()]

    def test_are_what_the_commands_make_of_the_checkpoint(self):
        for name in ("one", "two"):
            folder = self.run_folder(name)
            records = program.records(folder, "task")
            points = [(record["name"], record["step"]) for record in records]
            self.assertEqual(points, [("hellaswag", step) for step in (0, 6, 12, 18)]
                             + [("winogrande@2", 18), ("mmlu", 18), ("mmlu/stem", 18)])
            checkpoints = {int(path.name[-8:]): path for path in program.checkpoints(folder)}
            for record in records[1:]:
                expected = self.eval_scores(checkpoints[record["step"]], record["name"])
                self.assertEqual(record["items"], expected["items"])
                self.assertEqual(record["scores"], {key: one["value"] for key, one in expected["metrics"].items()}, (name, record))
                errors = {key: one["error"] for key, one in expected["metrics"].items() if "error" in one}
                self.assertEqual(record["errors"], errors)
                self.assertEqual(record["chance"]["acc"], 0.5 if record["name"] == "winogrande@2" else 0.25)
            for record in program.records(folder, "validation")[1:]:
                for sample, text in zip(record["samples"], self.texts(checkpoints[record["step"]]), strict=True):
                    self.assertEqual((sample["text"], sample["stop"], sample["tokens"]), (text["text"], text["stop"], text["tokens"]))
                self.assertEqual([sample["prompt"] for sample in record["samples"]], PROMPTS)
            warnings = [event["step"] for event in program.records(folder, "event") if event["event"] == "warning"]
            self.assertEqual(warnings.count(6), 1, "inside superposition a line warns, once")

    def test_console_plan_and_report(self):
        self.assertRegex(self.out, r"\ntask +hellaswag: 3 items, .*: 4 times\n")
        self.assertRegex(self.out, r"\nsamples +3 prompts")
        self.assertRegex(self.out, r"\ntask hellaswag at step 18: 3 items; bits_per_byte .* \(chance .*\); acc .* \(chance 0\.2500\)\n")
        done = program.run("report", self.run_folder("one"), "--out", self.folder / "page")
        self.assertEqual(done.code, 0, done)
        page = (self.folder / "page" / "report.html").read_text()
        for part in ('<section id="tasks">', '<section id="samples">', 'class="switch"'):
            self.assertIn(part, page)
        tasks = json.loads((self.folder / "page" / "report.json").read_text())["tasks"]
        self.assertEqual([task["name"] for task in tasks], ["hellaswag", "winogrande@2", "mmlu", "mmlu/stem"])
        self.assertEqual(tasks[0]["scores"][0]["name"], "bits_per_byte")

    def test_what_is_wrong_is_one_line(self):
        def refused(*words, parts):
            self.assert_one_line(program.run(*self.train_words("refused", "--dry-run", *words)), *parts)
            self.assertFalse(self.run_folder("refused").exists())

        refused("--evaluation.tasks", f'[{{name = "bolq", data = "{ROWS}"}}]', parts=["--evaluation.tasks", "evaluation.tasks[0].name", "boolq"])
        refused("--evaluation.tasks", f'[{{name = "boolq", data = "{self.folder}"}}]', parts=["evaluation.tasks[0]", "boolq.jsonl"])
        refused("--evaluation.tasks", f'[{{name = "boolq", data = "{ROWS}", shots = 2}}]', parts=["shots"])
        refused("--evaluation.prompts", '["a", ""]', parts=["evaluation.prompts[1]"])
        refused("--evaluation.sample_tokens", "0", parts=["--evaluation.sample_tokens", "0"])


program.main()
