"""superpose tokenizer encode and decode: text to ids and back, one text or one row per line; bad rows by their line."""

import json
import subprocess

import program


def run(*words, text=""):
    """The program with standard input; output as bytes."""
    done = subprocess.run([program.PROGRAM, "tokenizer", *words], input=text.encode() if isinstance(text, str) else text,
                          capture_output=True, timeout=program.TIME_LIMIT)
    return program.Result(done.returncode, done.stdout, done.stderr.decode())


class Tokenizer(program.ProgramTest):
    def test_one_text(self):
        text = "caf\u00e9 <|endoftext|>\n"
        result = run("encode", "--tokenizer", "bytes", text=text)
        self.assertEqual(result.code, 0, result)
        ids = list(map(int, result.out.split()))
        self.assertEqual(ids, [*"caf\u00e9 ".encode(), 256, 10])
        self.assertEqual(run("decode", "--tokenizer", "bytes", text=result.out).out, text.encode())
        as_text = run("encode", "--tokenizer", "bytes", "--special-as-text", text=text)
        self.assertEqual(list(map(int, as_text.out.split())), list(text.encode()))

    def test_any_bytes_come_back(self):
        every = bytes(range(256)) * 2
        ids = run("encode", "--tokenizer", "bytes", text=every)
        self.assertEqual(run("decode", "--tokenizer", "bytes", text=ids.out).out, every)

    def test_rows(self):
        texts = ["one", "", "two\nlines \u4f60 \U0001f600 <|endoftext|>", "\u0000"]
        rows = "".join(json.dumps({"text": text, "other": 1}) + "\n" for text in texts)
        encoded = run("encode", "--tokenizer", "bytes", "--jsonl", text=rows)
        self.assertEqual(encoded.code, 0, encoded)
        ids = [json.loads(line) for line in encoded.out.decode().splitlines()]
        self.assertEqual(ids[0], list(b"one"))
        self.assertEqual(ids[1], [])
        self.assertEqual(ids[2][-1], 256)
        decoded = run("decode", "--tokenizer", "bytes", "--jsonl", text=encoded.out)
        self.assertEqual([json.loads(line)["text"] for line in decoded.out.decode().splitlines()], texts)
        broken = run("decode", "--tokenizer", "bytes", "--jsonl", text="[97, 255]")
        self.assertEqual(json.loads(broken.out), {"text": "a\ufffd"})

    def test_bad_rows(self):
        good = '{"text": "a"}\n'
        for row in ('{"text": 5}', '{"texts": "a"}', "[]", "nonsense", "", '{"text": "\\ud800"}', '{"text": "a"'):
            self.assert_one_line(run("encode", "--tokenizer", "bytes", "--jsonl", text=good + row + "\n" + good), "line 2")
        kept = '\ufeff{"text": "a", "b": [1e309, NaN, -18446744073709551616]}\n'
        self.assertEqual(run("encode", "--tokenizer", "bytes", "--jsonl", text=kept).out, b"[97]\n")
        for row in ('{"ids": []}', "[1.5]", "[-1]", "[257]", '["1"]', "[99999999999]", "[1"):
            self.assert_one_line(run("decode", "--tokenizer", "bytes", "--jsonl", text="[97]\n" + row), "line 2")
        self.assert_one_line(run("decode", "--tokenizer", "bytes", text="97 x"), "x")
        self.assert_one_line(run("decode", "--tokenizer", "bytes", text="97 257"), "257")
        self.assert_one_line(run("encode", "--tokenizer", self.folder / "none.json"), "none.json")


program.main()
