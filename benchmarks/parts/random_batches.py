"""Random batches of a model's inputs, for the benchmarks that read no files."""

import numpy as np
from keras import ops


def random_batch(spec, videos, num_frames):
    """Inputs of a model, all frames being real ones, and labels (videos, classes) of 0 and 1, on the device."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (videos, spec.num_classes)).astype("float32")
    sizes = spec.size_by_name
    if spec.has_frames:
        batch = {name: rng.integers(0, 256, (videos, num_frames, size), "uint8") for name, size in sizes.items()}
        batch["num_frames"] = np.full(videos, num_frames, "int32")
    else:
        batch = {name: rng.normal(size=(videos, size)).astype("float32") for name, size in sizes.items()}
    return {name: ops.convert_to_tensor(array) for name, array in batch.items()}, ops.convert_to_tensor(labels)
