"""Names that tf.contrib.slim gives to the variables of a layer."""


def dense(scope, layer):
    """{name: variable} of a Dense layer made by slim.fully_connected."""
    variables = {f"{scope}/weights": layer.kernel}
    if layer.use_bias:
        variables[f"{scope}/biases"] = layer.bias
    return variables


def batch_norm(scope, *layers):
    """{name: variables} of a batch norm; of several where the reference normalises their channels side by side."""
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    return {f"{scope}/{name}": tuple(getattr(layer, name) for layer in layers) for name in names}


def under(scope, variables):
    """`variables` with `scope/` before every name."""
    return {f"{scope}/{name}": variable for name, variable in variables.items()}
