"""`cmake --install`: program and operator library work from another place, without the build folder."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import program

OPERATORS = ("bag_embedding", "multi_hot_linear_cross_entropy")
LOAD_OPERATORS = """
import sys, torch
torch.ops.load_library(sys.argv[1])
weight = torch.arange(12.0).view(4, 3)
ids = torch.tensor([[[0, 2], [3, 3]]])
print(torch.equal(torch.ops.superpose.bag_embedding(weight, ids), weight[ids].mean(2)))
hidden, targets, slots = torch.ones(2, 3), torch.tensor([[1], [2]]), torch.ones(1)
loss = torch.ops.superpose.multi_hot_linear_cross_entropy(hidden, weight, targets, slots)[0]
print(torch.allclose(loss, torch.nn.functional.cross_entropy(hidden @ weight.T, targets[:, 0])))
"""


def pinned_torch():
    return re.search(r"^torch==([0-9.]+)", (program.ROOT / "requirements.txt").read_text(), re.M).group(1)


class Install(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        first = cls.folder / "first"
        command = [program.ARGUMENTS.cmake, "--install", program.ARGUMENTS.build_folder, "--prefix", first]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
        # Relocatable: what was installed is moved, and works there.
        cls.prefix = cls.folder / "moved"
        shutil.move(first, cls.prefix)
        cls.installed = cls.prefix / "bin" / "superpose"
        cls.binary = cls.prefix / "libexec" / "superpose"

    def test_what_is_there(self):
        files = {str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*") if path.is_file()}
        expected = {"bin/superpose", "libexec/superpose", "lib/libsuperpose_ops.so", "share/superpose/plotly.min.js"}
        folder = program.ROOT / "recipes"
        recipes = {f"share/superpose/recipes/{path.relative_to(folder)}" for path in folder.rglob("*.toml")}
        if (pathlib.Path(program.ARGUMENTS.build_folder) / "src/corpus/libsuperpose_parquet.so").exists():
            expected.add("lib/libsuperpose_parquet.so")
        expected |= {f"include/superpose/ops/{name}.h" for name in OPERATORS}
        scripts = ("FindLibtorch", "PythonWheel", "superposeConfig", "superposeConfigVersion")
        expected |= {f"lib/cmake/superpose/{name}.cmake" for name in scripts}
        self.assertEqual(files, expected | recipes)

    def test_build_folder_is_forgotten(self):
        for file in (self.binary, self.prefix / "lib" / "libsuperpose_ops.so"):
            dynamic = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
            (paths,) = re.findall(r"(?:RUNPATH|RPATH).*\[(.*)\]", dynamic)
            self.assertIn("$ORIGIN/../lib", paths.split(":"))
            self.assertNotIn(str(program.ARGUMENTS.build_folder), paths)

    def test_version(self):
        result = program.run("--version", program=self.installed)
        self.assertEqual((result.code, result.err), (0, ""), result)
        self.assertEqual(result.out, program.run("--version").out)

    def test_dry_run_of_an_installed_recipe(self):
        words = self.train_words("dry", "--dry-run")
        words[1] = self.prefix / "share" / "superpose" / "recipes" / "tiny.toml"
        results = [program.run(*words, program=self.installed, cwd=self.folder) for _ in range(2)]
        for result in results:
            self.assertEqual((result.code, result.err), (0, ""), result)
            self.assertIn("raw tokens", result.out)
        # The second finds the corpus prepared; what it says of the run is the same (but for free space and time).
        plans = [re.sub(r"(?m)^(preparing|cost ).*\n|; \S+ \S+ free$", "", result.out) for result in results]
        self.assertEqual(*plans)
        self.assertFalse(self.run_folder("dry").exists())

    def test_comparison_with_its_page(self):
        words = self.recipe_words("compared", "--train.steps", "8", "--evaluation.every", "4")
        result = program.run("compare", *words, program=self.installed, cwd=self.folder)
        self.assertEqual(result.code, 0, result)
        (page,) = self.run_folder("compared").rglob("report.html")
        # The script is inlined: the page needs nothing else.
        self.assertGreater(page.stat().st_size, (self.prefix / "share" / "superpose" / "plotly.min.js").stat().st_size)

    def test_launch(self):
        """The launcher finds the installed program, not one in PATH."""
        words = self.train_words("launched", "--train.steps", "4", "--phases", "[]")
        result = program.run("launch", "-n", "2", *words, program=self.installed, env={"HOME": str(self.folder)})
        self.assertEqual(result.code, 0, result)
        self.assertIn("2 ranks", result.out)

    # --- The environment that it was built with is gone

    def orphan(self):
        """A copy of the installation in which every path into that environment leads nowhere."""
        orphan = self.folder / f"orphan-{self.id()}"
        shutil.copytree(self.prefix, orphan)
        torch = re.search(r"^built_with=(.*)$", (orphan / "bin" / "superpose").read_text(), re.M).group(1)
        packages = str(pathlib.Path(torch).parent).encode()
        gone = b"/gone" + b"/" * (len(packages) - 5)
        for file in (path for path in orphan.rglob("*") if path.is_file()):
            file.write_bytes(file.read_bytes().replace(packages, gone))
        return orphan / "bin" / "superpose", pathlib.Path(packages.decode())

    def python(self, name, packages, version=None):
        """A folder with a `python3` that finds torch and pyarrow in a place of its own."""
        place = self.folder / name
        (place / "bin").mkdir(parents=True)
        for package in ("torch", "pyarrow"):
            (place / package).symlink_to(packages / package)
        if version:
            (place / "torch").unlink()
            (place / "torch").mkdir()
            (place / "torch" / "__init__.py").touch()
            (place / "torch" / "version.py").write_text(f"__version__ = '{version}+cpu'\n")
        script = place / "bin" / "python3"
        script.write_text(f'#!/bin/sh\nPYTHONPATH="{place}" exec "{sys.executable}" -S "$@"\n')
        script.chmod(0o755)
        return script

    def test_another_torch_of_that_version(self):
        installed, packages = self.orphan()
        python = self.python("other", packages)
        expected = program.run("--version").out
        for variables in ({"PATH": f"{python.parent}:{os.environ['PATH']}"}, {"SUPERPOSE_PYTHON": str(python)}):
            environment = {**os.environ, **variables}
            result = program.run("--version", program=installed, env=environment)
            self.assertEqual((result.code, result.err, result.out), (0, "", expected), result)
        words = self.train_words("orphan", "--train.steps", "4", "--phases", "[]")
        result = program.run("launch", "-n", "2", *words, program=installed, env=environment)
        self.assertEqual(result.code, 0, result)
        # What is not ours is started as if there were no such search.
        for path in (None, "/somewhere"):
            outer = {**environment, "LD_LIBRARY_PATH": path} if path else environment
            words = ["launch", "-n", "1", "--", "sh", "-c", 'echo "${LD_LIBRARY_PATH-unset}"']
            result = program.run(*words, program=installed, env=outer)
            self.assertEqual((result.code, result.out), (0, f"{path or 'unset'}\n"), result)

    def test_packages_are_those_of_the_torch_in_use(self):
        installed, packages = self.orphan()
        python = self.python("packages", packages)
        words = self.recipe_words("packages", "--data.python_distributions", '["no-such-thing"]')
        environment = {**os.environ, "SUPERPOSE_PYTHON": str(python)}
        result = program.run("train", *words, program=installed, env=environment)
        self.assert_one_line(result, "no-such-thing", python.parent.parent)

    def test_no_torch_of_that_version(self):
        installed, packages = self.orphan()
        pinned = pinned_torch()
        for name, python, found in (
            ("older", self.python("older", packages, version="1.13.1"), "1.13.1"),
            ("no such Python", self.folder / "nowhere" / "python3", "none"),
        ):
            with self.subTest(name):
                environment = {**os.environ, "SUPERPOSE_PYTHON": str(python)}
                result = program.run("--version", program=installed, env=environment)
                self.assert_one_line(result, f"torch=={pinned}", python, found)

    def test_operators_in_python(self):
        library = self.prefix / "lib" / "libsuperpose_ops.so"
        command = [sys.executable, "-c", LOAD_OPERATORS, library]
        result = subprocess.run(command, capture_output=True, text=True, cwd=self.folder)
        self.assertEqual((result.returncode, result.stdout), (0, "True\nTrue\n"), result.stderr)

    # --- A C++ project of someone else

    def configure(self, build, *options):
        command = [program.ARGUMENTS.cmake, "-G", "Ninja", "-S", program.ROOT / "examples" / "cpp", "-B", build]
        command += [f"-DCMAKE_PREFIX_PATH={self.prefix}", *options]
        return subprocess.run(command, capture_output=True, text=True)

    def test_operators_in_cpp(self):
        build = self.folder / "example"
        result = self.configure(build)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        command = [program.ARGUMENTS.cmake, "--build", build]
        result = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        result = subprocess.run([build / "bags"], capture_output=True, text=True)
        expected = "loss 2.3979, log V 2.3979\ngradient of [11, 4]\n"  # log 11
        self.assertEqual((result.returncode, result.stdout), (0, expected), result.stderr)

    def test_operators_in_cpp_need_their_libtorch(self):
        result = self.configure(self.folder / "no-libtorch", f"-DLibtorch_ROOT={self.folder}")
        self.assertNotEqual(result.returncode, 0)
        message = " ".join(result.stderr.split())  # which CMake breaks into lines
        self.assertIn("torch wheel", message)
        self.assertIn(f'exact version "{pinned_torch()}"', message)

    def test_library_shows_its_operators_alone(self):
        """Those of its headers, and nothing else of their namespace."""
        library = self.prefix / "lib" / "libsuperpose_ops.so"
        command = ["nm", "-DC", "--defined-only", library]
        symbols = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        shown = set(re.findall(r" T superpose::ops::(\w+)\(", symbols))
        self.assertEqual(shown, {name + form for name in OPERATORS for form in ("", "_accumulate")})


program.main()
