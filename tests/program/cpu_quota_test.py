"""A control group that grants less CPU time than the machine has: "all cores" means what it grants. As root, with control groups
that may be made; cgroup v1, or v2 where the top group hands the cpu controller down."""

import os
import pathlib
import re
import subprocess

import program

CORES = len(os.sched_getaffinity(0))
if CORES < 2:
    program.skip("one core: a quota cannot be told from it")

V1 = pathlib.Path("/sys/fs/cgroup/cpu")
V2 = pathlib.Path("/sys/fs/cgroup")


def make_group(parent, cpus=None):
    """A new group below `parent`, with CPU time for so many CPUs."""
    group = parent / f"superpose-test-{os.getpid()}"
    group.mkdir()
    try:
        if cpus is None:
            pass
        elif (group / "cpu.cfs_quota_us").exists():
            (group / "cpu.cfs_quota_us").write_text(str(int(cpus * 100000)))
        else:
            (group / "cpu.max").write_text(f"{int(cpus * 100000)} 100000")
    except OSError:
        group.rmdir()
        raise
    return group


def usable_parent():
    for parent, file in ((V1, "cpu.cfs_quota_us"), (V2, "cpu.max")):
        try:
            group = make_group(parent)
        except OSError:
            continue
        usable = (group / file).exists()
        group.rmdir()
        if usable:
            return parent
    program.skip("no control group can be made here")


PARENT = usable_parent()


class CpuQuota(program.ProgramTest):
    def group(self, parent, cpus=None):
        group = make_group(parent, cpus)
        self.addCleanup(group.rmdir)
        return group

    def run_in(self, group, *words):
        """The program, started as a process of the group."""
        inside = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        return program.run("-c", inside, group, program.PROGRAM, *words, program="sh")

    def threads(self, group):
        result = self.run_in(group, "--version")
        self.assertEqual(result.code, 0, result)
        return int(re.search(r"^threads (\d+)$", result.out, re.M).group(1))

    def test_a_quota_counts(self):
        group = self.group(PARENT, cpus=1)
        self.assertEqual(self.threads(group), 1)
        plan = self.run_in(group, *self.train_words("quota", "--dry-run", "--train.threads", "0"))
        self.assertEqual(plan.code, 0, plan)
        self.assertRegex(plan.out, r"compute .* on cpu.*, 1 thread, 1 rank")
        self.assertNotIn("train.threads", plan.out)

    def test_it_is_rounded_up(self):
        self.assertEqual(self.threads(self.group(PARENT, cpus=1.01)), 2)

    def test_less_than_a_core_is_one_thread(self):
        self.assertEqual(self.threads(self.group(PARENT, cpus=0.5)), 1)

    def test_an_outer_group_counts(self):
        outer = self.group(PARENT, cpus=1)
        try:
            inner = self.group(outer)
        except OSError:
            self.skipTest("the group hands nothing down")
        self.assertEqual(self.threads(inner), 1)

    def test_more_threads_are_warned_of(self):
        group = self.group(PARENT, cpus=1)
        plan = self.run_in(group, *self.train_words("more", "--dry-run", "--train.threads", "2"))
        self.assertEqual(plan.code, 0, plan)
        self.assertRegex(plan.out, r"warning +train\.threads: .*1 core \(CPU quota 1\)")

    def test_affinity_counts(self):
        one = sorted(os.sched_getaffinity(0))[:1]
        result = program.run("--version", preexec_fn=lambda: os.sched_setaffinity(0, one))
        self.assertIn("threads 1\n", result.out)


program.main()
