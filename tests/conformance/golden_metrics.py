"""Runs the golden files of metrics, losses and submission lines through this project's code.

RUNNERS: {prefix of the file name: function of the path}. A runner raises AssertionError on a difference; it returns
the output keys it does not cover, where there are any.
"""

import json

import numpy as np

from yt8m_distill import losses
from yt8m_distill.inference import kaggle_csv
from yt8m_distill.metrics.average_precision import average_precision, descending_order
from yt8m_distill.metrics.evaluation import EvaluationMetrics
from yt8m_distill.metrics.gap import GlobalAveragePrecision
from yt8m_distill.metrics.hit_at_one import HitAtOne
from yt8m_distill.metrics.mean_average_precision import MeanAveragePrecision
from yt8m_distill.metrics.perr import PrecisionAtEqualRecallRate
from yt8m_distill.metrics.top_k import reduce_top_k

TOLERANCE = 1e-5


def load(path):
    """The arrays of a golden file and its config."""
    with np.load(path) as arrays:
        golden = dict(arrays)
    return golden, json.loads(str(golden.pop("config", "{}")) or "{}")


def assert_close(actual, expected, name):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE, err_msg=name)


def assert_within(actual, bounds, name):
    """Where ties leave a choice the reference's own value is one of many; the bounds hold for all of them."""
    low, high = bounds
    assert low - TOLERANCE <= actual <= high + TOLERANCE, f"{name} is {actual}: expected {low} to {high}"


def run_metrics(path):
    golden, config = load(path)
    top_k, top_n = config["top_k"], config.get("top_n")
    ends = np.cumsum(golden["inputs/batch_sizes"])[:-1]
    labels = np.split(golden["inputs/labels"], ends)
    predictions = np.split(golden["inputs/predictions"], ends)
    group = EvaluationMetrics(top_k, top_n)
    alone = {
        "gap": GlobalAveragePrecision(top_k),
        "map": MeanAveragePrecision(top_k, top_n),
        "hit_at_1": HitAtOne(top_k),
        "perr": PrecisionAtEqualRecallRate(top_k),
    }
    for batch in zip(labels, predictions, strict=True):
        for metric in (group, *alone.values()):
            metric.update_state(*batch)
    results, per_class, positives = group.report()
    for name, metric in alone.items():
        np.testing.assert_equal(metric.result(), results[name], err_msg=name)

    tie = {name: golden[f"tie_bounds/{key}"] for name, key in [("gap", "gap"), ("perr", "perr"), ("map", "map_outer")]}
    reference = {"gap": "gap", "perr": "avg_perr", "map": "map"}
    for name, (low, high) in tie.items():
        if low == high or np.isnan(low):
            assert_close(results[name], golden[f"outputs/{reference[name]}"], name)
        else:
            assert_within(results[name], (low, high), name)
    assert_close(results["hit_at_1"], golden["outputs/avg_hit_at_one"], "hit_at_1")
    np.testing.assert_equal(positives, (golden["inputs/labels"] > 0).sum(axis=0))
    boundary_ties = golden["outputs/row_has_tie_at_topk_boundary"]
    _compare_batches(golden, labels, predictions, top_k, without_ties=_untied(config, boundary_ties))
    if _untied(config, boundary_ties):
        assert_close(per_class[positives > 0], golden["outputs/aps"], "aps")
    classes = np.asarray(reduce_top_k(golden["inputs/labels"], golden["inputs/predictions"], top_k).classes)
    kept = np.sort(golden["outputs/topk_classes_kept"], axis=1)
    np.testing.assert_equal(np.sort(classes, axis=1)[~boundary_ties], kept[~boundary_ties])


def _untied(config, boundary_ties):
    return not (config["ties_between_kept_scores"] or boundary_ties.any())


def _compare_batches(golden, labels, predictions, top_k, without_ties):
    """The numbers the starter code logs while it trains: each batch alone."""
    for index, batch in enumerate(zip(labels, predictions, strict=True)):
        metrics = EvaluationMetrics(top_k)
        metrics.update_state(*batch)
        results = metrics.result()
        assert_close(results["hit_at_1"], golden["outputs/batch_hit_at_one"][index], f"batch {index} hit_at_1")
        if without_ties:
            assert_close(results["perr"], golden["outputs/batch_perr"][index], f"batch {index} perr")
            assert_close(results["gap"], golden["outputs/batch_gap"][index], f"batch {index} gap")


def run_average_precision(path):
    golden, _ = load(path)
    predictions, actuals = golden["inputs/predictions_nanpadded"], golden["inputs/actuals_nanpadded"]
    for row, total in enumerate(golden["inputs/total_num_positives"]):
        present = ~np.isnan(predictions[row])
        hits = actuals[row][present][descending_order(predictions[row][present])] > 0
        assert_close(average_precision(hits), golden["outputs/ap"][row], f"ap of list {row}")
        expected = golden["outputs/ap_at_5_with_total"][row]
        assert_close(average_precision(hits, total, top_n=5), expected, f"ap at 5 of list {row}")


def run_losses(path):
    golden, config = load(path)
    labels, predictions = golden["inputs/labels"], golden["inputs/predictions"]
    scores, weights = golden["inputs/scores_for_hinge_and_softmax"], golden["inputs/label_weights"]
    cross_entropy = losses.cross_entropy(labels, predictions)
    linrongc = losses.cross_entropy(labels, predictions, epsilon=1e-8)
    per_video = {
        "CrossEntropyLoss/google": cross_entropy,
        "CrossEntropyLoss/skalic": cross_entropy,
        "CrossEntropyLoss/hrnn": cross_entropy,
        "CrossEntropyLoss/linrongc": linrongc,
        "CrossEntropyLoss/google_label_weights": losses.cross_entropy(labels, predictions, label_weights=weights),
        "HingeLoss/google_b1": losses.hinge(labels, scores),
        "HingeLoss/google_b0.5": losses.hinge(labels, scores, b=0.5),
        "SoftmaxLoss/google": losses.softmax_cross_entropy(labels, scores),
        # Another floor under the number of labels, which whole numbers never reach.
        "SoftmaxLoss/linrongc": losses.softmax_cross_entropy(labels, scores),
    }
    if config.get("willow_alpha") == 0.5:
        per_video["CrossEntropyLoss/willow"] = cross_entropy
    for share in config.get("lambda_factors", ()):
        # The loss is linear in the labels, so the teacher's and the true ones are mixed first.
        mixed = share * golden["inputs/soft_labels_orig_prediction"] + (1 - share) * labels
        per_video[f"MixedCrossEntropyLoss/skalic_lambda_{share}"] = losses.cross_entropy(mixed, predictions)
    outputs = {key.removeprefix("outputs/"): value for key, value in golden.items() if key.startswith("outputs/")}
    for name in per_video.keys() & outputs.keys():
        actual = np.mean(per_video[name], dtype=np.float64)
        np.testing.assert_allclose(actual, outputs[name], rtol=TOLERANCE, err_msg=name)
    return sorted(outputs.keys() - per_video.keys())


def run_csv_lines(path):
    golden, config = load(path)
    classes, scores = kaggle_csv.highest_scores(golden["inputs/predictions"], config["top_k"])
    lines = kaggle_csv.format_lines(golden["inputs/video_ids"], classes, scores)
    assert "\n".join(lines) + "\n" == str(golden["outputs/lines_text"])


RUNNERS = {
    "metrics_": run_metrics,
    "average_precision": run_average_precision,
    "losses": run_losses,
    "csv_format_lines": run_csv_lines,
}
