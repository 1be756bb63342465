"""Multiply-adds of a training step of the published models, counted by hand."""


def training_multiply_adds(name, videos, rows):
    """Multiply-adds of our step: of every product, and of its gradients (one where its input needs none)."""
    frames = videos * rows
    if name == "NeXtVLAD":
        streams = [(1024, 8 * 128, 8, 128), (128, 4 * 64, 4, 64)]
        total = sum(
            2 * frames * size * 2 * size  # expansion
            + 2 * frames * size * (scores + groups)  # assignment and attention from the frames ...
            + 3 * size * 2 * size * (scores + groups)  # ... by folded weights
            + 3 * frames * 2 * size * clusters
            for size, scores, groups, clusters in streams
        )
        return total + 3 * videos * ((256 * 128 + 64 * 64) * 2048 + 2 * 2048 * 256 + 2048 * 3862)
    if name == "NetVLAD":
        streams = 3 * frames * 2 * (1024 * 64 + 128 * 32)
        return streams + 3 * videos * ((1024 * 64 + 128 * 32) * 1024 + 1024 * 5 * 3862)
    if name == "DBoF":
        return 3 * frames * 1152 * 8192 + 3 * videos * (8192 * 1024 + 1024 * 5 * 3862)
    lower = frames * 4096 * (2 * 1152 + 3 * 3 * 1024)
    upper = 3 * videos * 20 * 4096 * (4096 + 3 * 1024)
    return lower + upper + 3 * videos * 4096 * 5 * 3862
