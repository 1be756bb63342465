"""Layers inside the config of other layers."""

import keras


def serialize_part(layer):
    """The layer's config without its build shapes, or None for None.

    A part is built where it is used, so that its weights keep their paths.
    """
    if layer is None:
        return None
    config = keras.saving.serialize_keras_object(layer)
    config.pop("build_config", None)
    return config


def revive_part(config, custom_objects=None):
    """The layer of which `serialize_part` made `config`; None for None."""
    return config and keras.saving.deserialize_keras_object(config, custom_objects)
