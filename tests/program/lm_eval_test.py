"""A model that we trained, scored by lm-eval and by superpose eval on the same rows: every log-likelihood, choice and mean."""

import json
import logging
import os
import sys

import program

if program.ARGUMENTS.packages:
    if not program.ARGUMENTS.packages.is_dir():
        program.skip(f"no packages in {program.ARGUMENTS.packages} (requirements-lm-eval.txt)")
    sys.path.insert(0, str(program.ARGUMENTS.packages))
sys.path.insert(0, str(program.ROOT / "tests" / "golden"))
for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS", "TOKENIZERS_PARALLELISM", "DISABLE_MULTIPROC"):
    os.environ[name] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
try:
    import lm_eval
    from lm_eval.api.metrics import mean_stderr
    from lm_eval.models.huggingface import HFLM

    import make_task_references as references
except ImportError as error:
    program.skip(error)
if lm_eval.__version__ != "0.4.13":
    program.skip(f"lm_eval {lm_eval.__version__} is installed, 0.4.13 is wanted")

logging.disable(logging.WARNING)  # one for each context that is cut

LOG_LIKELIHOOD = 1e-3  # what two programs' f32 may differ by


class LmEval(program.ProgramTest):
    def test_every_number(self):
        """Also rows whose contexts are too long for the model, which both cut."""
        self.train("run", "--train.steps", "60", "--evaluation.windows", "4", "--model.max_positions", "192")
        model = program.checkpoints(self.run_folder("run"))[-1]
        lm = HFLM(pretrained=str(model), device="cpu", dtype="float32", batch_size=1)
        all_ties, compared = [], 0
        for name, (_, _, examples) in references.FILES.items():
            for num_fewshot in (0, 2) if examples else (0,):
                with self.subTest(task=name, num_fewshot=num_fewshot):
                    ours, means = self.ours(model, name, num_fewshot)
                    theirs, values = self.theirs(lm, name, num_fewshot)
                    self.assertEqual(len(ours), len(theirs))
                    near_ties = []
                    for mine, other in zip(ours, theirs):
                        best = sorted(mine["loglikelihood"], reverse=True)
                        if len(best) > 1 and best[0] - best[1] < LOG_LIKELIHOOD:
                            near_ties.append((name, mine["index"]))
                            continue
                        for ours_of, theirs_of in zip(mine["loglikelihood"], other["loglikelihood"], strict=True):
                            self.assertAlmostEqual(ours_of, theirs_of, delta=LOG_LIKELIHOOD)
                        self.assertEqual(mine["is_greedy"], other["is_greedy"])
                        for metric in ("acc", "acc_norm"):
                            if metric in other:
                                self.assertEqual(mine[metric], other[metric], (metric, mine, other))
                        compared += 1
                    all_ties += near_ties
                    if not near_ties:
                        for metric, (value, error) in values.items():
                            self.assertAlmostEqual(means[metric]["value"], value, delta=1e-9)
                            self.assertAlmostEqual(means[metric]["error"], error, delta=1e-9)
        print(f"compared {compared} rows; left out, as their best two choices differ by less than {LOG_LIKELIHOOD}: {all_ties}")
        self.assertGreater(compared, 60)

    def ours(self, model, name, num_fewshot):
        records, scores = self.folder / "records.jsonl", self.folder / "scores.json"
        task = f"{name}@{num_fewshot}" if num_fewshot else name
        result = program.run("eval", model, "--tasks", task, "--data", references.FOLDER, "--records", records,
                             "--json", scores, "--threads", "1", "--overwrite")  # fmt: skip
        self.assertEqual(result.code, 0, result)
        whole = json.loads(scores.read_text())["models"][0]["scores"][0]
        return [json.loads(line) for line in records.read_text().splitlines()], whole["metrics"]

    def theirs(self, lm, name, num_fewshot):
        task = references.load(name, num_fewshot)
        results = lm.loglikelihood(task.instances, disable_tqdm=True)
        by_instance = {id(instance): result for instance, result in zip(task.instances, results)}
        rows = []
        for index, instances in references.instances_by_row(task).items():
            pairs = [by_instance[id(instance)] for instance in instances]
            metrics = task.process_results(task.eval_docs[index], pairs)
            rows.append({"loglikelihood": [pair[0] for pair in pairs], "is_greedy": [pair[1] for pair in pairs], **metrics})
        values = {}
        for metric in ("acc", "acc_norm"):
            if metric in rows[0]:
                column = [row[metric] for row in rows]
                values[metric] = (task.aggregation()[metric](column), mean_stderr(column))
        return rows, values


program.main()
