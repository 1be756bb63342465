import numpy as np
import pytest
import tensorflow as tf

from yt8m_distill.metrics.evaluation import EvaluationMetrics
from yt8m_distill.metrics.top_k import reduce_top_k
from yt8m_distill.training.recent_steps import RecentSteps


def _batch(seed, classes=30):
    random = np.random.default_rng(seed)
    labels = (random.random((4, classes)) < 0.2).astype(np.float32)
    return reduce_top_k(labels, random.random((4, classes)).astype(np.float32))


def _expected(seeds):
    metrics = EvaluationMetrics()
    for seed in seeds:
        metrics.update_top_k(_batch(seed))
    return {key: pytest.approx(metrics.result()[key]) for key in ("gap", "hit_at_1", "perr")}


def test_a_row_is_about_the_steps_since_the_last_row():
    recent = RecentSteps(slots=3, batch_size=4, num_classes=30)
    for step in range(1, 7):
        recent.put(step, [float(step), 0.5], _batch(step))
    assert recent.logs(6) == {"loss": 5.0, "penalty": 0.5, **_expected([4, 5, 6])}


def test_a_row_that_is_not_full_leaves_the_older_steps_out():
    recent = RecentSteps(slots=3, batch_size=4, num_classes=30)
    for step in range(1, 6):
        recent.put(step, [float(step), 0.5], _batch(step))
    assert recent.logs(5) == {"loss": 4.5, "penalty": 0.5, **_expected([4, 5])}


def test_the_parts_of_the_loss_have_names():
    recent = RecentSteps(slots=2, batch_size=4, num_classes=30, loss_parts=("L_CE", "L_rep"))
    for step in (1, 2):
        recent.put(step, [3.0, 0.5, step, 10.0 * step], _batch(step))
    expected = {"loss": 3.0, "penalty": 0.5, "L_CE": 1.5, "L_rep": 15.0}
    assert recent.logs(2) == {**expected, **_expected([1, 2])}


def test_fewer_classes_than_twenty_are_kept_as_they_are():
    recent = RecentSteps(slots=1, batch_size=4, num_classes=6)
    recent.put(1, [1.0, 0.0], _batch(1, classes=6))
    assert 0 < recent.logs(1)["gap"] <= 1


def test_the_rows_of_several_replicas_count_as_one_batch():
    whole, halves = RecentSteps(1, 4, 30), RecentSteps(1, 4, 30)
    reduced = _batch(3)
    whole.put(1, [1.0, 0.0], reduced)
    positives = np.zeros((2, 30), np.int32)
    positives[0, :10], positives[1, 10:] = reduced.positives[0, :10], reduced.positives[0, 10:]
    halves.put(1, [1.0, 0.0], reduced._replace(positives=tf.constant(positives)))
    assert halves.logs(1) == whole.logs(1)


def test_a_checkpoint_holds_them(tmp_path):
    recent = RecentSteps(slots=3, batch_size=4, num_classes=30)
    for step in (1, 2):
        recent.put(step, [float(step), 0.5], _batch(step))
    prefix = tf.train.Checkpoint(recent=recent).save(str(tmp_path / "ckpt"))
    again = RecentSteps(slots=3, batch_size=4, num_classes=30)
    tf.train.Checkpoint(recent=again).restore(prefix).assert_existing_objects_matched()
    for either in (recent, again):
        either.put(3, [3.0, 0.5], _batch(3))
    assert again.logs(3) == recent.logs(3)
