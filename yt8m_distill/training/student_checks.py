"""Whether a student, its teachers and the losses between them go together: told before the first batch."""

import dataclasses

from yt8m_distill.distillation.targets import StoredTargets
from yt8m_distill.errors import InputError
from yt8m_distill.run_config import find_run
from yt8m_distill.training.objective import learns_by_branches, require_label_loss

_OF_TRAINING = {"initial_probability", "l2_penalty"}  # of a head: they say nothing of a trained one


def require_fitting(model, config, targets, givers):
    """Finds what cannot be compared.

    Args:
      model: the student, a VideoClassifier.
      config: its RunConfig.
      targets: FrozenTeachers, JointTeacher or StoredTargets.
      givers: the teachers whose classifier the student may take.

    Raises:
      InputError: with what does not fit.
    """
    params = config.distillation.params
    require_label_loss(config.training.label_loss, config.features.level)
    _require_one_label(params, config)
    _require_second_stage(params.representation_epochs, config.training.num_epochs)
    _require_one_loss(config.distillation.joint_teacher)
    if isinstance(targets, StoredTargets):
        _require_classes(targets.store, config.features)
    if params.representation_weight or params.representation_epochs:
        _require_representations(model, targets, params)
    if params.intermediate_weight:
        _require_states(model, config.features, targets)
    if params.student_head != "own":
        _require_head(model, givers[0], params.student_head)
        _require_same_head(config)


def _require_one_label(params, config):
    if params.teacher_output == "sigmoid":
        return
    if config.training.label_loss != "CrossEntropyLoss":
        raise InputError(
            f"--teacher_output=softmax has a cross entropy of its own and --label_loss={config.training.label_loss}: "
            "leave one of them out."
        )
    if config.features.level == "segment":
        raise InputError(
            "--teacher_output=softmax needs all labels, and of a segment only the rated classes are known."
        )


def _require_second_stage(representation_epochs, num_epochs):
    if representation_epochs >= num_epochs:
        raise InputError(
            f"--representation_epochs={representation_epochs} of --num_epochs={num_epochs} leave none in which the "
            "student learns to classify: give fewer of them, or more --num_epochs."
        )


def _require_one_loss(joint_teacher):
    if joint_teacher and learns_by_branches(joint_teacher.model):
        raise InputError(
            f"--parallel trains {joint_teacher.model.name} on the labels alone, and its branches would have a loss of "
            "their own: give --cl_lambda=0, or train it first."
        )


def _require_classes(store, features):
    stored = store.settings.num_classes
    if stored != features.num_classes:
        raise InputError(
            f"the soft labels are of {stored} classes and the student has {features.num_classes}: give "
            f"--num_classes={stored}, or another store."
        )


def _require_representations(model, targets, params):
    student = model.representation_size
    for teacher in () if params.project_representation else targets.representation_sizes:
        if teacher != student:
            raise InputError(
                f"L_rep compares a representation of {teacher} numbers (the teacher's) with one of {student} (the "
                "student's): give --project_representation, a student of the teacher's size, or "
                "--representation_weight=0."
            )


def _require_states(model, features, targets):
    if len(targets.models) != 1:
        raise InputError(
            f"--intermediate_weight compares with the states of one teacher: there are {len(targets.models)}."
        )
    [teacher], [spec] = targets.models, targets.specs
    for who, owner in (("teacher", teacher), ("student", model)):
        if not owner.has_states:
            raise InputError(
                f"--intermediate_weight needs intermediate states and the {who}, {owner.name}, has none: recurrent "
                "models have."
            )
    if teacher.representation_size != model.representation_size:
        raise InputError(
            f"--intermediate_weight compares states of {teacher.representation_size} numbers (the teacher's) with "
            f"those of {model.representation_size} (the student's): give a student of the teacher's size."
        )
    if spec.sampled_frames and spec.sampling != features.sampling:
        raise InputError(
            "--intermediate_weight compares states that have read the same frames, and the teacher reads "
            f"{spec.sampled_frames} of a video ({spec.frame_sampler}): give a teacher of all frames, or a student of "
            "the same ones."
        )


def _require_same_head(config):
    """Weights of one shape may mean different things: the numbers of the classifier are compared too."""
    distillation = config.distillation
    giver = distillation.joint_teacher or find_run(distillation.teachers[0].path).config
    if giver.features.num_classes != config.features.num_classes:
        raise InputError(
            f"the teacher's classifier knows {giver.features.num_classes} classes and the student "
            f"{config.features.num_classes}: give --num_classes={giver.features.num_classes}, or --student_head=own."
        )
    theirs, own = (dataclasses.asdict(model.head) for model in (giver.model, config.model))
    for name in sorted(own.keys() - _OF_TRAINING):
        if own[name] != theirs[name]:
            raise InputError(
                f"--student_head={distillation.params.student_head}: the teacher's classifier has "
                f"{name}={theirs[name]} and the student {name}={own[name]}: give --{name}={theirs[name]}, or "
                "--student_head=own."
            )


def _require_head(model, teacher, how):
    expected = [tuple(weight.shape) for weight in teacher.head.weights]
    there = [tuple(weight.shape) for weight in model.head.weights]
    if expected != there:
        raise InputError(
            f"the teacher's classifier has weights of {expected} and the student's {there}: give the student the "
            "teacher's --video_level_classifier_model and sizes, or --student_head=own."
        )
    if teacher.representation_size != model.representation_size:
        raise InputError(
            f"--student_head={how}: the teacher's classifier reads {teacher.representation_size} numbers and the "
            f"student's representation has {model.representation_size}: give a student of the teacher's size, or "
            "--student_head=own."
        )
