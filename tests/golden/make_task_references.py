"""Writes references/tasks/lm_eval.jsonl: what lm-eval asks a model on rows of our own, task by task, with and without examples.

    PYTHON make_task_references.py      with lm_eval 0.4.13 (requirements-lm-eval.txt); needs no network

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
# lm-eval's file, the file of rows, that of examples.
FILES = {
    "hellaswag": ("hellaswag/hellaswag.yaml", "hellaswag", "hellaswag_train"),
    "arc_easy": ("arc/arc_easy.yaml", "arc_easy", "arc_easy_train"),
    "piqa": ("piqa/piqa.yaml", "piqa", "piqa_train"),
    "boolq": ("super_glue/boolq/default.yaml", "boolq", "boolq_train"),
    "openbookqa": ("openbookqa/openbookqa.yaml", "openbookqa", "openbookqa_train"),
    "winogrande": ("winogrande/default.yaml", "winogrande", "winogrande_train"),
    "sciq": ("sciq/sciq.yaml", "sciq", "sciq_train"),
    "mmlu": ("mmlu/default/mmlu_anatomy.yaml", "mmlu_test", "mmlu_dev"),
    "lambada_openai": ("lambada/lambada_openai.yaml", "lambada_openai", None),
}
FEWSHOT_SEED = 1234  # lm-eval's default


def load(name, num_fewshot):
    """lm-eval's own task, but for where its rows are."""
    yaml, rows, examples = FILES[name]
    config = load_yaml(TASKS / yaml)
    files = {config.get("test_split") or config["validation_split"]: str(FOLDER / f"{rows}.jsonl")}
    if config.get("test_split"):
        config["validation_split"] = None  # of no use here
    if examples:
        files[config.get("fewshot_split") or "train"] = str(FOLDER / f"{examples}.jsonl")
    config.update(dataset_path="json", dataset_name=None, dataset_kwargs={"data_files": files}, num_fewshot=num_fewshot)
    task = ConfigurableTask(config=config)
    task.set_fewshot_seed(FEWSHOT_SEED)
    task.build_all_requests()
    return task


def instances_by_row(task):
    by_row = {}
    for instance in task.instances:
        by_row.setdefault(instance.doc_id, []).append(instance)
    return by_row


def answer_of(task, doc):
    if task.OUTPUT_TYPE != "multiple_choice":
        return 0
    return int(task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc))


def main():
    with (FOLDER / "lm_eval.jsonl").open("w") as out:
        for name, (_, _, examples) in FILES.items():
            for num_fewshot in (0, 2) if examples else (0,):
                task = load(name, num_fewshot)
                by_row = instances_by_row(task)
                for index, doc in enumerate(task.eval_docs):
                    pairs = [list(instance.args) for instance in by_row[index]]
                    row = {"task": name, "num_fewshot": num_fewshot, "index": index, "pairs": pairs, "answer": answer_of(task, doc)}
                    out.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
