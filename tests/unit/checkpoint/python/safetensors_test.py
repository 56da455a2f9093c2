"""Our safetensors files against the format's reference implementation, in both directions."""

import argparse
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77

try:
    import safetensors.torch
    import torch
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(SKIPPED)


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], check=True, text=True, stdout=subprocess.PIPE).stdout


DTYPES = {
    "Bool": torch.bool,
    "Byte": torch.uint8,
    "Char": torch.int8,
    "Short": torch.int16,
    "Int": torch.int32,
    "Long": torch.int64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Float": torch.float32,
    "Double": torch.float64,
}


def expected_tensors():
    """What `checkpoint_files write` writes."""
    tensors = {}
    for name, dtype in DTYPES.items():
        ramp = torch.arange(-3, 9, dtype=torch.float32) / 4
        values = (ramp.abs() if dtype == torch.uint8 else ramp).to(dtype)
        tensors[f"{name}.matrix"] = values.view(3, 4)
        tensors[f"{name}.turned"] = values.view(3, 4).t().contiguous()
        tensors[f"{name}.scalar"] = values[7].clone()
        tensors[f"{name}.empty"] = torch.empty(2, 0, 3, dtype=dtype)
    return tensors


def check_reading_ours(program, folder):
    path = folder / "ours.safetensors"
    run(program, "write", path)
    with safetensors.safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "pt"}, file.metadata()
    ours = safetensors.torch.load_file(path)
    expected = expected_tensors()
    assert ours.keys() == expected.keys(), ours.keys() ^ expected.keys()
    for name, tensor in expected.items():
        assert ours[name].dtype == tensor.dtype and ours[name].shape == tensor.shape, name
        assert torch.equal(ours[name], tensor), name


def check_same_bytes(program, folder):
    ours, theirs = folder / "ours_f32.safetensors", folder / "theirs_f32.safetensors"
    run(program, "write-f32", ours)
    safetensors.torch.save_file(safetensors.torch.load_file(ours), theirs, metadata={"format": "pt"})
    assert ours.read_bytes() == theirs.read_bytes()


def check_reading_theirs(program, folder):
    path = folder / "theirs.safetensors"
    tensors = expected_tensors()
    safetensors.torch.save_file(tensors, path)
    lines = run(program, "read", path).splitlines()
    assert len(lines) == len(tensors)
    for line in lines:
        name, _, shape, size, total, squares = line.split()
        tensor = tensors[name]
        assert shape == str(list(tensor.shape)).replace(" ", ""), line
        assert int(size) == tensor.numel() * tensor.element_size(), line
        # Quarters and halves: exact in f64.
        assert float(total) == tensor.double().sum().item(), line
        assert float(squares) == tensor.double().square().sum().item(), line


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    program = parser.parse_args().program
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_reading_ours(program, folder)
        check_same_bytes(program, folder)
        check_reading_theirs(program, folder)
    print(f"safetensors {safetensors.__version__}: reads ours, writes the same bytes, is read by us")


if __name__ == "__main__":
    main()
