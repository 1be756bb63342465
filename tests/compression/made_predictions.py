"""Predictions of made members: labels, and scores that tell them more or less well."""

import numpy as np

from yt8m_distill.compression.kept_predictions import KeptPredictions


def made_labels(random, videos=400, classes=30):
    """bool (videos, classes), one to three a video."""
    labels = np.zeros((videos, classes), bool)
    for row in labels:
        row[random.choice(classes, random.integers(1, 4), replace=False)] = True
    return labels


def made_scores(random, labels, noise):
    """float32 (videos, classes) in (0, 1): labels are higher by 2 than others, under noise of that deviation."""
    logits = 2 * labels - 3 + random.normal(0, noise, labels.shape)
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def keep(predictions, labels, kept=None):
    """KeptPredictions of (members, videos, classes), in NumPy and loops; all classes where `kept` is None."""
    members, videos, classes = predictions.shape
    kept = kept or classes
    chosen = np.zeros((videos, kept), int)
    floors = np.full((members, videos), -np.inf, np.float32)
    for video in range(videos):
        order = np.argsort(-predictions[:, video], axis=1, kind="stable")
        best = np.argsort(order, axis=1).min(axis=0)
        chosen[video] = np.sort(np.argsort(best, kind="stable")[:kept])
        if kept < classes:
            floors[:, video] = np.delete(predictions[:, video], chosen[video], axis=1).max(axis=1)
    return KeptPredictions(
        ids=np.array([f"v{video:04d}" for video in range(videos)], bytes),
        scores=np.stack([np.take_along_axis(one, chosen, 1) for one in predictions]),
        floors=floors,
        hits=np.take_along_axis(labels, chosen, 1),
        num_labels=labels.sum(1).astype(np.int32),
    )


def made_members(*noises, seed=0, videos=400):
    """KeptPredictions of a member for each noise; None makes one whose scores know nothing."""
    random = np.random.default_rng(seed)
    labels = made_labels(random, videos)
    members = [
        random.random(labels.shape, np.float32) if noise is None else made_scores(random, labels, noise)
        for noise in noises
    ]
    return keep(np.stack(members), labels)
