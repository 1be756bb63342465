"""Tables without training: a DataSet of no records, and a Runner whose results a function makes up."""

import dataclasses
import re

from yt8m_distill.experiments.data_sets import DataSet
from yt8m_distill.experiments.model_sizes import FRAME_MODELS, VIDEO_MODELS
from yt8m_distill.experiments.runs import Runner
from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.spec import FeatureSpec

FRAMES = DataSet(
    name="audioset",
    title="made results",
    train=("train0.tfrecord", "train1.tfrecord"),
    evaluation=("eval0.tfrecord", "eval1.tfrecord"),
    features=FeatureSpec(("rgb", "audio"), (16, 8), 12, "frame", 10),
    training=TrainingParams(num_epochs=5),
    frames=(2, 3, 5),
    more_frames=(7,),
    blocks=5,
    models=FRAME_MODELS,
)
VIDEOS = dataclasses.replace(
    FRAMES,
    features=FeatureSpec(("mean_rgb", "mean_audio"), (16, 8), 12, "video"),
    frames=(),
    more_frames=(),
    models=VIDEO_MODELS,
)


class MadeUpRunner(Runner):
    """Results of no training: `gap(plan)`, spread a little over the seeds; mAP is half of it."""

    def __init__(self, gap, output_dir="unused"):
        super().__init__(str(output_dir), FRAMES.evaluation)
        self._gap = gap

    def run(self, plans):
        return {plan: self._result(plan) for plan in plans}

    def _result(self, plan):
        gap = self._gap(plan) + 1e-5 * (plan.training.seed % 1000)
        result = {"gap": gap, "map": gap / 2, "seconds": 1.0, "steps": 1}
        if plan.source:
            result["last_gap"] = 0.39
        if plan.by_epoch:
            result["epochs"] = [{"student": gap * part, "teacher": self._gap(None) * part} for part in (0.5, 0.9, 1.0)]
        return result


def frames_of(plan):
    """k of a plan's name; 10, all frames, of one without."""
    found = re.search(r"-k(\d+)-", plan.name)
    return int(found.group(1)) if found else 10
