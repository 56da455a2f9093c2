"""What keeps ranks from meeting is found and said at once, not after the ten minutes that they wait for each other."""

import os
import shutil
import socket
import subprocess

import program


def without_network():
    """A command that runs another in a network of its own whose loopback interface is down; None where none may."""
    for command in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return None


class Network(program.ProgramTest):
    def rank(self, rank, prefix=(), **variables):
        """`superpose train` as a rank of two, started by hand."""
        environment = {**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
                       "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", **variables}  # fmt: skip
        command = [*prefix, program.PROGRAM, *self.train_words("rank")]
        return program.run(*command[1:], program=command[0], env=environment)

    def test_loopback_that_is_down(self):
        prefix = without_network()
        if prefix is None:
            self.skipTest("no network namespace may be made here")
        command = [*prefix, program.PROGRAM, "launch", "-n", "2", *self.train_words("launched")]
        result = program.run(*command[1:], program=command[0])
        self.assert_one_line(result, "launch", "127.0.0.1")
        for rank in range(2):
            self.assert_one_line(self.rank(rank, prefix), "MASTER_ADDR", "127.0.0.1")

    def test_port_in_use(self):
        for host in ("127.0.0.1", ""):
            with socket.create_server((host, 0)) as taken:
                port = str(taken.getsockname()[1])
                self.assert_one_line(self.rank(0, MASTER_PORT=port), f"MASTER_PORT {port}")

    def test_host_that_does_not_resolve(self):
        for rank in range(2):
            self.assert_one_line(self.rank(rank, MASTER_ADDR="no-such-host.invalid"), "no-such-host.invalid")

    def test_interface_that_is_not_there(self):
        for rank in range(2):
            result = self.rank(rank, GLOO_SOCKET_IFNAME="nowhere0")
            self.assert_one_line(result, "GLOO_SOCKET_IFNAME", "nowhere0")
            self.assertRegex(result.err, r"\blo\b")

    def test_interface_that_is_there(self):
        words = self.train_words("lo", "--train.steps", "2", "--phases", "[]")
        result = program.run("launch", "-n", "2", *words, env={**os.environ, "GLOO_SOCKET_IFNAME": "lo"})
        self.assertEqual((result.code, result.err), (0, ""), result)


program.main()
