"""Principal components given back their variance."""

import keras
import numpy as np
from keras import ops

from yt8m_distill.spec import MAX_QUANTIZED, MIN_QUANTIZED


@keras.saving.register_keras_serializable(package="yt8m_distill")
class ReverseWhitening(keras.layers.Layer):
    """`(x - 4 / 512) * (sqrt(eigenvalues) + 0.0001)`.

    YouTube-8M's rgb features are whitened principal components: all have the same variance, however little of the
    image they explain. This gives each the variance it had, and takes away the half step that dequantisation adds.

    Args:
      eigenvalues: the variance of each component, the file `yt8m_pca/eigenvals.npy` that MediaPipe's feature
        extractor comes with.

    Call arguments:
      inputs: float (..., size), dequantised.

    Output shape:
      As the input. Padded frames are scaled like others.

    Reference:
      Lin et al., "NeXtVLAD", ECCV-W 2018, section 4.1; linrongc/youtube-8m, frame_level_models.
    """

    def __init__(self, eigenvalues, **kwargs):
        super().__init__(**kwargs)
        if min(eigenvalues) < 0:
            raise ValueError(f"eigenvalues must not be negative. Received: {min(eigenvalues)}")
        self.eigenvalues = list(eigenvalues)

    def call(self, inputs):
        scale = np.sqrt(np.array(self.eigenvalues)) + 1e-4
        offset = (MAX_QUANTIZED - MIN_QUANTIZED) / 512
        return (inputs - offset) * ops.cast(scale.astype("float32"), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "eigenvalues": self.eigenvalues}
