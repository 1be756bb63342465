"""Nine models under one gigabyte, at the sizes of the size-constrained paper's Table 4, as one SavedModel.

The members have random weights: this counts bytes, seconds and memory, not quality. FVNet, the first NetVLAD and the
three DBoFs have the numbers that the authors published, the second RNN is their bidirectional LSTM; RNN1, RNN3 and
NetVLAD2 match no published numbers, and are the registered models GRU, BidirectionalGRU and NetVLAD_192_992 with the
sizes that come nearest to Table 4. Weights are the paper's. Members are quantised as there (uniform, 8 bits, weights of
more than 17,000 values) one by one, exported, and the export's predictions compared with their own. Then a process with
TensorFlow alone loads it and predicts.

The last line is one JSON object: bytes of the files and of the parts, `over_parts` (0.01 is one percent), MiB, the
difference to the members' own predictions, load time, memory and videos/s.
Seven minutes and 8 GB of memory: python benchmarks/nine_members.py
"""

import gc
import json
import os
import tempfile

from absl import flags
from parts.plain_tensorflow import measured

from yt8m_distill.bin import command
from yt8m_distill.written_aside import require_replaceable

FLAGS = flags.FLAGS

flags.DEFINE_string("shape", "8x300", "Videos x frames of the calls that are timed.")
flags.DEFINE_integer("repeats", 3, "Calls that are timed, after one that is not.", lower_bound=1)
flags.DEFINE_string("output_dir", None, "Keep the SavedModel in this folder, which has to be new.")
flags.DEFINE_boolean("quick", False, "Tiny members: for the tests.")

# Table 4's name: registered model, its numbers.
MEMBERS = {
    "RNN1": ("GRU", {}),
    "RNN2": ("BidirectionalLSTM", {}),
    "RNN3": ("BidirectionalGRU", {"gru_cells": 1176}),
    "FVNet1": ("FVNet_96_1540", {}),
    "DBoF1": ("GatedDBoF_6144_1536", {}),
    "DBoF2": ("GatedDBoF_4096_1024", {}),
    "DBoF3": ("GatedDBoF_3684_920", {}),
    "NetVLAD1": ("NetVLAD_192_992", {}),
    "NetVLAD2": ("NetVLAD_192_992", {"netvlad_hidden_size": 892}),
}
TINY = {"RNN": "GRU_tiny", "FVNet": "NetFV_tiny", "DBoF": "GatedDBoF_tiny", "NetVLAD": "NetVLAD_tiny"}


def make_member(name, weight, seed):
    """A quantised Member of random weights; its floats are gone when it is returned."""
    from yt8m_distill.compression.policy import Policy, store
    from yt8m_distill.export.members import Member
    from yt8m_distill.hyperparameters import registry
    from yt8m_distill.models.classifier import build_model
    from yt8m_distill.spec import FeatureSpec
    from yt8m_distill.stored_weights import named_weights

    model_name, numbers = (TINY[name[:-1]], {}) if FLAGS.quick else MEMBERS[name]
    config, spec, policy = registry.model_config(model_name, **numbers), FeatureSpec(), Policy()
    tensors = {}
    for key, variable in named_weights(build_model(config, spec, seed=seed)).items():
        array = variable.numpy()
        tensors[key] = store(key, array, policy.method_of(key, array))
    gc.collect()
    return Member(config, spec, tensors, weight, name)


def table(report, published):
    """Member, MB and share of all, beside the paper's."""
    total, of_paper = (sum(dict(sizes).values()) for sizes in (report.members, published))
    rows = [f"{'member':<10}{'MB':>8}{'%':>8}{'paper MB':>12}{'%':>8}"]
    for (name, size), (_, megabytes) in zip(report.members, published, strict=True):
        rows.append(f"{name:<10}{size / 1e6:8.1f}{size / total:8.2%}{megabytes:12}{megabytes / of_paper:8.2%}")
    return "\n".join([*rows, f"{'all':<10}{total / 1e6:8.1f}{'':8}{of_paper:12}"])


def export(directory):
    """(SizeReport, largest difference) of the ensemble's SavedModel."""
    from yt8m_distill.experiments.size_constrained.published import ENSEMBLE
    from yt8m_distill.export.model_card import CARD
    from yt8m_distill.export.saved_model import export_members

    require_replaceable(directory, CARD)
    members = []
    for seed, (name, (_, weight)) in enumerate(ENSEMBLE.items()):
        members.append(make_member(name, weight, seed))
        print(f"quantised {name}: {members[-1].num_bytes / 1e6:,.1f} MB", flush=True)
    report, difference = export_members(members, directory)
    print(table(report, [(name, megabytes) for name, (megabytes, _) in ENSEMBLE.items()]))
    print(f"the SavedModel: {report.summary()}; {difference:.1e} from the members' own predictions", flush=True)
    return report, difference


def main(arguments):
    command.no_arguments(arguments)
    if FLAGS.quick:
        FLAGS.shape, FLAGS.repeats = "2x4", 1
    command.import_tensorflow()

    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        directory = FLAGS.output_dir or os.path.join(folder, "export")
        report, difference = export(directory)
        process = measured(directory, FLAGS.shape, FLAGS.repeats)
    print(f"with TensorFlow alone, {FLAGS.shape}: {process}")
    parts = sum(size for _, size in report.members)
    sizes = {"bytes": report.total, "parts": parts, "over_parts": round(report.total / parts - 1, 5)}
    sizes["mib"] = round(report.total / 2**20, 1)
    measured_here = {"shape": FLAGS.shape, "load_before": round(load, 1), "difference": difference}
    print(json.dumps({**sizes, **measured_here, **process}))


if __name__ == "__main__":
    command.run(main, __doc__)
