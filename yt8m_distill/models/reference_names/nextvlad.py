"""Reference names of NeXtVLAD and MixNeXtVLAD (linrongc/youtube-8m)."""

from yt8m_distill.models.reference_names.heads import head_variables
from yt8m_distill.models.reference_names.late_fusion import late_fusion_variables
from yt8m_distill.models.reference_names.slim import batch_norm, dense, under


def mix_variables(model):
    """{name: variable} of a whole MixNeXtVLAD; a branch's scopes are in small letters, unlike the single model's."""
    variables = {
        **dense("mix_weights", model.aggregator.weigh),
        **batch_norm("mix_weights_bn", model.aggregator.mean_bn),
    }
    for index, (branch, head) in enumerate(zip(model.aggregator.branches, model.head.heads, strict=True)):
        lower = {name.replace("_VLAD/", "_vlad/"): v for name, v in late_fusion_variables(branch).items()}
        variables |= under(f"branch_{index}", {**lower, **head_variables(head)})
    return variables
