"""model_card.json: where an export comes from, what it holds, and checksums by which damage to it is found."""

import datetime
import importlib.metadata
import json
import os
import platform

from yt8m_distill import __version__
from yt8m_distill.checksums import checkpoint_checksum, file_sha256
from yt8m_distill.errors import InputError
from yt8m_distill.written_aside import written_aside

CARD = "model_card.json"


def card_path(export):
    """Where the card of an export lies: in its folder, or beside a `.tflite` file."""
    return f"{export}.json" if export.endswith(".tflite") else os.path.join(export, CARD)


def describe_member(run, name, weight, bytes_by_kind):
    """What a card says of one model.

    Args:
      run: Run it was restored from; its paths stand in the card as the user gave them.
      name: of the member.
      weight: its share of the predictions.
      bytes_by_kind: {form of storage: bytes of its weights}.

    Returns:
      A dict for JSON: the run's data, model, training and lineage (distillation, origin, ema_source) as in its
      config.json, its checkpoint with checksum, and the evaluation of that checkpoint, None without one.

    Raises:
      InputError: the evaluation's file is damaged.
    """
    return {
        "name": name,
        "weight": weight,
        "bytes": bytes_by_kind,
        "run": run.directory,
        "checkpoint": run.checkpoint,
        "checksum": checkpoint_checksum(run.checkpoint),
        "step": run.step,
        "averaged_weights": run.use_ema,
        "evaluation": _evaluation(run),
        **run.config.to_dict(),
    }


def describe(members, signatures, **more):
    """The card of an export, but for its files.

    Args:
      members: what `describe_member` returned, of each.
      signatures: {name: {"inputs" and "outputs": {tensor: {"dtype", "shape"}}}}, see `signatures_of`.
      **more: parts that this export has besides.
    """
    return {
        "name": " + ".join(member["name"] for member in members),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "signatures": signatures,
        "bytes_by_kind": _sum_by_key([member["bytes"] for member in members]),
        **more,
        "members": members,
    }


def bytes_by_kind(tensors):
    """{form of storage: bytes} of {name: stored tensor}."""
    return _sum_by_key([{tensor.kind: tensor.num_bytes} for tensor in tensors.values()])


def signatures_of(directory):
    """The signatures of a SavedModel, as `describe` takes them; a length of a shape that is open is None."""
    from tensorflow import dtypes, saved_model
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    with open(os.path.join(directory, saved_model.SAVED_MODEL_FILENAME_PB), "rb") as file:
        saved.ParseFromString(file.read())

    def tensors(described):
        return {
            name: {
                "dtype": dtypes.as_dtype(tensor.dtype).name,
                "shape": [None if dimension.size < 0 else dimension.size for dimension in tensor.tensor_shape.dim],
            }
            for name, tensor in sorted(described.items())
        }

    return {
        name: {"inputs": tensors(signature.inputs), "outputs": tensors(signature.outputs)}
        for name, signature in saved.meta_graphs[0].signature_def.items()
        if not name.startswith("__")
    }


def write_card(card, export, files=None):
    """Writes the card of an export with the sizes and SHA-256 of its files.

    Args:
      card: what `describe` returned.
      export: its folder, every other file of it complete; or a `.tflite` file.
      files: {name: path} to describe; all of the folder when None.
    """
    files = _files_of(export) if files is None else files
    described = {
        name: {"bytes": os.path.getsize(path), "sha256": file_sha256(path)} for name, path in sorted(files.items())
    }
    total = sum(one["bytes"] for one in described.values())
    with written_aside(card_path(export)) as file:
        json.dump({**card, "bytes": total, "files": described}, file, indent=2)
        file.write("\n")


def verify_card(export):
    """Compares the files of an export with its card.

    Args:
      export: folder, or `.tflite` file.

    Returns:
      The card.

    Raises:
      InputError: there is no card, or a file is missing or not what it was, or the card's sum of bytes is not theirs.
    """
    card, folder = _read_card(export), os.path.dirname(card_path(export))
    for name, expected in card["files"].items():
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            raise InputError(f"{export} is damaged: {name} is missing. Export again.")
        if os.path.getsize(path) != expected["bytes"] or file_sha256(path) != expected["sha256"]:
            raise InputError(
                f"{export} is damaged: {name} has {os.path.getsize(path):,} bytes with SHA-256 "
                f"{file_sha256(path)[:12]}, its card says {expected['bytes']:,} and {expected['sha256'][:12]}. "
                "Export again."
            )
    total = sum(one["bytes"] for one in card["files"].values())
    if card.get("bytes") != total:
        raise InputError(
            f"{card_path(export)} is no model card: expected the bytes of its files together, {total}, and it says "
            f"{card.get('bytes')}. Export again."
        )
    return card


def _read_card(export):
    path = card_path(export)
    try:
        with open(path, encoding="utf-8") as file:
            card = json.load(file)
        if not all({"bytes", "sha256"} <= one.keys() for one in card["files"].values()):
            raise ValueError("its files have no checksums")
        return card
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Expected the card of an export.") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no model card: {error}.") from error


def _files_of(folder):
    paths = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
    own = card_path(folder)
    return {os.path.relpath(path, folder): path for path in paths if not path.startswith(own)}


def _evaluation(run):
    """What `eval.py` wrote of this checkpoint, with its file's name; that of another says nothing of these weights."""
    path = os.path.join(run.directory, "eval", f"{run.step}{'-ema' if run.use_ema else ''}.json")
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            return {"file": path, **json.load(file)}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Expected an evaluation of the run.") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is no evaluation: {error}. Remove it, or evaluate the run again.") from error


def _versions():
    installed = {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
    return {"yt8m_distill": __version__, "python": platform.python_version(), **installed}


def _sum_by_key(dicts):
    total = {}
    for one in dicts:
        for key, value in one.items():
            total[key] = total.get(key, 0) + value
    return total
