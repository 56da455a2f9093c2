"""What kind of file a source is: found by its content, said where it is not read."""

import gzip
import json
import random
import shutil
import struct

import program

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(50)


class Sources(program.ProgramTest):
    def prepare(self, name, sources, *more):
        words = self.recipe_words(name, "--data.sources", json.dumps([str(source) for source in sources]))
        return program.run("data", "prepare", *words, *more)

    def split_of(self, result):
        """Documents of both splits, from the sidecar that the output names."""
        self.assertEqual(result.code, 0, result)
        (line,) = [line for line in result.out.splitlines() if line.startswith("prepared: ")]
        return json.loads((self.folder / line.removeprefix("prepared: ") / "corpus.json").read_text())

    def test_binary_files_in_a_folder_are_left_out_and_said(self):
        folder = self.folder / "mixed"
        shutil.copytree(self.folder / "corpus", folder)
        (folder / "logo.png").write_bytes(PNG)
        (folder / "deep").mkdir()
        (folder / "deep" / "archive").write_bytes(b"PK\3\4" + bytes(30))
        prepared = self.prepare("mixed", [folder])
        sidecar = self.split_of(prepared)
        self.assertRegex(prepared.out, r"left out: 2 files .*archive .*\bzip\b.*logo\.png .*\bPNG\b")
        left_out = {source["name"]: source["left_out_as"] for source in sidecar["sources"] if "left_out_as" in source}
        self.assertEqual(left_out, {"deep/archive": "a zip archive", "logo.png": "a PNG image"})
        plain = self.split_of(self.prepare("plain", [self.folder / "corpus"]))
        self.assertEqual(sidecar["train"]["fingerprint"], plain["train"]["fingerprint"])
        words = self.recipe_words("mixed", "--data.sources", json.dumps([str(folder)]))
        inspected = program.run("data", "inspect", *words)
        self.assertIn("left out: 2 files", inspected.out)
        self.assertRegex(inspected.out, r"left out: logo\.png .*\bPNG\b")
        self.assert_names(program.run("train", *words, "--dry-run").out, "2 files")
        named = self.prepare("named", [self.folder / "corpus", folder / "logo.png"])
        self.assert_one_line(named, folder / "logo.png", "PNG", "data.on_binary")
        kept = self.split_of(self.prepare("kept", [folder], "--data.on_binary", "keep"))
        documents = [sidecar[split]["documents"] for split in ("train", "validation")]
        self.assertEqual(sum(kept[split]["documents"] for split in ("train", "validation")), sum(documents) + 2)

    def test_records_may_hold_any_number_and_any_name(self):
        rows = [json.dumps({"text": f"record {number} " * 9, "score": float("nan")}) for number in range(99)]
        rows.append('{"hash": 18446744073709551616, "low": 1e400, "text": "the last record"}')
        (self.folder / "rows.jsonl.zstd").write_bytes(gzip.compress("\n".join(rows).encode("utf-8-sig")))
        sidecar = self.split_of(self.prepare("rows", [self.folder / "rows.jsonl.zstd"]))
        self.assertEqual(sidecar["train"]["documents"] + sidecar["validation"]["documents"], 100)

    def test_windows_line_ends_separate(self):
        texts = [f"document {number}\r\nof two lines" for number in range(200)]
        (self.folder / "windows.txt").write_bytes("\r\n\r\n".join(texts).encode())
        sidecar = self.split_of(self.prepare("crlf", [self.folder / "windows.txt"], "--data.document_separator", r"\n\n"))
        self.assertEqual(sidecar["train"]["documents"] + sidecar["validation"]["documents"], 200)

    def test_inspect_refuses_another_width(self):
        ids = [random.Random(1).randrange(50257) for _ in range(1000)]
        wide, narrow = self.folder / "wide.bin", self.folder / "narrow.bin"
        wide.write_bytes(struct.pack("<1000I", *ids))
        narrow.write_bytes(struct.pack("<1000H", *ids))
        self.assert_one_line(program.run("data", "inspect", wide, "--format", "raw-u16"), wide, "raw-u32")
        self.assert_one_line(program.run("data", "inspect", narrow, "--format", "raw-u32"), narrow, "raw-u16")
        for file, kind in ((wide, "raw-u32"), (narrow, "raw-u16")):
            self.assertIn("1.00K tokens", program.run("data", "inspect", file, "--format", kind).out)


program.main()
