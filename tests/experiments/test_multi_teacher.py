import dataclasses

import numpy as np
import pytest
from made_results import VIDEOS, MadeUpRunner
from made_runs import VIDEO, make_config, make_videos, video_record, write_shards

from yt8m_distill.errors import InputError
from yt8m_distill.experiments import fusion, multi_teacher
from yt8m_distill.experiments.claims import FAILS, HOLDS
from yt8m_distill.experiments.plans import Plan
from yt8m_distill.experiments.runs import Runner

SEEDS = [0, 1, 2]
_GAPS = {"teacher": 0.60, "labels": 0.61, "one": 0.62, "three": 0.63, "weighted": 0.64}


def table(monkeypatch, gaps, plans=None):
    def fused(runner, fused_plans, held_out, name):
        gap = gaps[name.split("-")[0]] + 0.01
        return {"gap": gap, "map": gap / 2, "weights": [0.4, 0.0, 0.6]}

    def gap(plan):
        if plans is not None:
            plans.append(plan)
        return gaps[plan.name.split("-")[1]]

    monkeypatch.setattr(multi_teacher, "fused_results", fused)
    return multi_teacher.table1(VIDEOS, MadeUpRunner(gap), SEEDS)


def test_students_of_labels_of_one_and_of_three_teachers_stand_below_the_teachers(monkeypatch):
    plans = []
    made = table(monkeypatch, _GAPS, plans)
    titles = [row[0] for row in made.rows[2:] if row[0]]
    assert titles == list(multi_teacher._KINDS.values())
    assert made.rows[-6][1:] == ["rgb + audio", "0.630 (0) [+0.030]", "0.315 (0)", "|", "residual", "83.92", "48.39"]
    assert made.rows[5][1:] == ["Fusion", "0.610 (0)", "0.305 (0)", "|", "Fusion", "90.29", "56.51"]
    assert "0.4/0.0/0.6" in made.body
    assert [claim.verdict for claim in made.claims] == [HOLDS] * 6
    worse = table(monkeypatch, {kind: 1 - gap for kind, gap in _GAPS.items()})
    assert [claim.verdict for claim in worse.claims] == [FAILS] * 5 + [HOLDS]

    by_name = {plan.name: plan for plan in plans}
    rgb, audio = by_name["rgb-three-seed1"], by_name["audio-one-seed1"]
    assert rgb.features.names == ("mean_rgb",)
    assert [teacher.features.names for teacher in rgb.teachers] == [
        ("mean_rgb",),
        ("mean_audio",),
        VIDEOS.features.names,
    ]
    weighted = by_name["audio-weighted-seed1"]
    assert [teacher.name for teacher in weighted.teachers] == ["rgb-teacher-seed1", "rgb+audio-teacher-seed1"]
    assert (weighted.weights, rgb.weights) == ((0.4, 0.6), (1.0, 1.0, 1.0))
    assert audio.teachers == (by_name["audio-teacher-seed1"],)
    assert (rgb.distillation.ground_truth_weight, rgb.distillation.teacher_prediction_weight) == (0.5, 0.5)
    with pytest.raises(InputError, match="holds out a training shard: expected at least 2"):
        multi_teacher.table1(dataclasses.replace(VIDEOS, train=VIDEOS.train[:1]), MadeUpRunner(lambda plan: 0.5), SEEDS)
    # The last shard is held out, to find the weights of the fusion.
    assert {plan.shards for plan in plans} == {("train0.tfrecord",)}


def test_the_best_weights_are_found_among_fifths():
    random = np.random.default_rng(0)
    labels = (random.random((60, 12)) < 0.2).astype(np.float32)
    good = np.clip(labels + random.normal(0, 0.3, labels.shape), 0, 1).astype(np.float32)
    noise = random.random(labels.shape).astype(np.float32)
    weights = fusion.best_weights([noise, good, noise[::-1]], labels)
    assert sum(weights) == 1
    assert weights[1] >= 0.6
    best = fusion.score(sum(w * p for w, p in zip(weights, [noise, good, noise[::-1]], strict=True)), labels)
    assert best["gap"] >= fusion.score(0.2 * noise + 0.8 * good, labels)["gap"]


def test_a_fusion_is_kept_and_its_weights_come_from_held_out_records(tmp_path, monkeypatch):
    shards = tuple(write_shards(tmp_path, "video", [video_record(video) for video in make_videos(24)], 3))
    runner = Runner(str(tmp_path), shards[2:])
    config = make_config(num_epochs=1)
    plans = [
        Plan(name, config.model, dataclasses.replace(VIDEO, names=names, sizes=sizes), config.training, shards[:1])
        for name, names, sizes in (("rgb", ("mean_rgb",), (16,)), ("audio", ("mean_audio",), (8,)))
    ]
    alone = runner.run(plans)
    read = []
    original = fusion.predict_all
    monkeypatch.setattr(fusion, "predict_all", lambda *given: read.append(given[1]) or original(*given))
    result = fusion.fused_results(runner, plans, shards[1:2], "both")
    assert read == [shards[1:2], shards[2:]]
    assert sum(result["weights"]) == 1
    for plan, weights in zip(plans, ((1.0, 0.0), (0.0, 1.0)), strict=True):
        predictions, labels = original([runner.finished(one) for one in plans], shards[2:])
        score = fusion.score(fusion._mixed(predictions, weights), labels)
        np.testing.assert_allclose([score["gap"], score["map"]], [alone[plan]["gap"], alone[plan]["map"]], rtol=1e-6)
    assert fusion.fused_results(runner, plans, shards[1:2], "both") == result
    assert len(read) == 2
