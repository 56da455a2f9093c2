"""Writes references/tasks/lm_eval.jsonl: what lm-eval asks a model on rows of our own, task by task, with and without examples.

    PYTHON make_task_references.py      with lm_eval 0.4.13 installed (requirements-lm-eval.txt); needs no network

A line is {"task", "num_fewshot", "index", "pairs": [[context, continuation], ...], "answer"}. The rows are references/tasks/<task>.jsonl
in the columns of the official data sets; examples are drawn from <task>_train.jsonl.
"""

import json
import pathlib

import lm_eval.tasks
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

FOLDER = pathlib.Path(__file__).parent / "references" / "tasks"
TASKS = pathlib.Path(lm_eval.tasks.__file__).parent
FILES = {
    "hellaswag": "hellaswag/hellaswag.yaml",
    "arc_easy": "arc/arc_easy.yaml",
    "piqa": "piqa/piqa.yaml",
    "boolq": "super_glue/boolq/default.yaml",
    "openbookqa": "openbookqa/openbookqa.yaml",
    "winogrande": "winogrande/default.yaml",
    "sciq": "sciq/sciq.yaml",
}
FEWSHOT_SEED = 1234  # lm-eval's default


def load(name, num_fewshot):
    config = load_yaml(TASKS / FILES[name])
    files = {"train": str(FOLDER / f"{name}_train.jsonl"), config.get("test_split") or config["validation_split"]: str(FOLDER / f"{name}.jsonl")}
    if config.get("test_split"):
        config["validation_split"] = None  # of no use here
    config.update(dataset_path="json", dataset_name=None, dataset_kwargs={"data_files": files}, num_fewshot=num_fewshot)
    task = ConfigurableTask(config=config)
    task.set_fewshot_seed(FEWSHOT_SEED)
    return task


def answer_of(task, doc):
    return task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)


def main():
    with (FOLDER / "lm_eval.jsonl").open("w") as out:
        for name in FILES:
            for num_fewshot in (0, 2):
                task = load(name, num_fewshot)
                task.build_all_requests()
                pairs = {}
                for instance in task.instances:
                    pairs.setdefault(instance.doc_id, []).append(list(instance.args))
                for index, doc in enumerate(task.eval_docs):
                    row = {"task": name, "num_fewshot": num_fewshot, "index": index, "pairs": pairs[index],
                           "answer": int(answer_of(task, doc))}  # fmt: skip
                    out.write(json.dumps(row, ensure_ascii=False) + "\n")


main()
