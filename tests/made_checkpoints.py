"""Run directories of models that were built and never trained, where weights need not have learnt anything."""

import tensorflow as tf
from made_runs import make_config

from yt8m_distill.models.classifier import build_model
from yt8m_distill.run_config import checkpoint_dir, find_run, save_config


def untrained_run(directory, model, spec, seed=5):
    """Writes a run directory with the checkpoint ckpt-1 and returns its Run."""
    config, directory = make_config(model, spec), str(directory)
    save_config(config, directory)
    checkpoint = tf.train.Checkpoint(model=build_model(config.model, spec, seed=seed))
    checkpoint.save(f"{checkpoint_dir(directory)}/ckpt")
    return find_run(directory)
