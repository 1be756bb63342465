"""A student and its loss, from a RunConfig that says who teaches it."""

import keras

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.distillation.soft_labels import SoftLabels
from yt8m_distill.distillation.targets import FrozenTeachers, JointTeacher, StoredTargets
from yt8m_distill.errors import InputError
from yt8m_distill.models.classifier import build_model
from yt8m_distill.run_config import find_run, restore_model
from yt8m_distill.training.distillation_objective import DistillationObjective

# Its weights are to differ from those of a student of the same shape.
_JOINT_TEACHER_SEED = 1_000_003


def make_student(config):
    """The student of a RunConfig with `distillation`, and its objective.

    Its weights start as those of an ordinary run of the same seed. Variables are created under the current strategy.

    Returns:
      (VideoClassifier, DistillationObjective).

    Raises:
      InputError: a teacher that is gone or has changed, or models that do not go together.
    """
    params, seed = config.distillation.params, config.training.seed
    targets, givers = _make_targets(config)
    shared = givers[0].head if params.student_head == "shared" else None
    keras.utils.set_random_seed(seed)
    model = build_model(config.model, config.features, head=shared)
    return model, DistillationObjective(model, config, targets, givers)


def _make_targets(config):
    """The road to the target, and the models whose classifier the student may take."""
    distillation = config.distillation
    if distillation.params.parallel:
        joint = distillation.joint_teacher
        keras.utils.set_random_seed(config.training.seed + _JOINT_TEACHER_SEED)
        teacher = build_model(joint.model, joint.features)
        return JointTeacher(teacher, joint.features, distillation.params), [teacher]
    if distillation.soft_labels is None:
        runs = [_unchanged_run(teacher) for teacher in distillation.teachers]
        models, weights = [restore_model(run) for run in runs], [teacher.weight for teacher in distillation.teachers]
        specs = [run.config.features for run in runs]
        return FrozenTeachers(models, specs, weights, distillation.params), models
    store = SoftLabels(distillation.soft_labels.path)
    _require_unchanged(distillation.soft_labels, store.checksum)
    givers = distillation.teachers if distillation.params.student_head != "own" else ()
    models = [restore_model(_unchanged_run(giver)) for giver in givers]
    for model in models:
        model.trainable = False
    return StoredTargets(store, distillation.params), models


def _unchanged_run(teacher):
    run = find_run(teacher.path, teacher.use_ema)
    _require_unchanged(teacher, checkpoint_checksum(run.checkpoint))
    return run


def _require_unchanged(teacher, checksum):
    if checksum != teacher.checksum:
        raise InputError(
            f"{teacher.path} is not what the student was started with: its SHA-256 is {checksum[:16]}..., expected "
            f"{teacher.checksum[:16]}... Put it back, or start another student."
        )
