"""Prints every scalar that TensorBoard finds in the event files of a folder: tag, then (step, value) pairs.

Exit code 77: the tensorboard package is absent.
"""

import sys

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    sys.exit(77)

accumulator = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
accumulator.Reload()
for tag in sorted(accumulator.Tags()["scalars"] + accumulator.Tags()["tensors"]):
    if tag in accumulator.Tags()["scalars"]:
        points = [(event.step, event.value) for event in accumulator.Scalars(tag)]
    else:  # newer versions turn scalars into tensors while reading
        points = [(event.step, float(event.tensor_proto.float_val[0])) for event in accumulator.Tensors(tag)]
    print(tag, points)
