"""A model over batches, compiled once for any number of videos and frames."""

import tensorflow as tf

from yt8m_distill.data.batches import input_signature, model_inputs


def make_predict_top_k(model, spec, top_k, class_mask=None):
    """Compiles the model and the ranking of its predictions.

    Args:
      model: VideoClassifier.
      spec: its FeatureSpec.
      top_k: classes kept, at most spec.num_classes.
      class_mask: float32 (classes,), multiplies the predictions before they are ranked.

    Returns:
      A function of a batch to (classes int32, scores float32), both (batch, top_k), best first; equal scores by class.
    """

    @tf.function(input_signature=[input_signature(spec)])
    def ranked(inputs):
        predictions = model(inputs, training=False)["predictions"]
        if class_mask is not None:
            predictions *= class_mask
        scores, classes = tf.math.top_k(predictions, top_k)
        return classes, scores

    return lambda batch: ranked(model_inputs(batch, spec))
