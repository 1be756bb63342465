"""The numbers of Bhardwaj et al., "Efficient Video Classification Using Fewer Frames", CVPR 2019, as (GAP, mAP)."""

CITATION = 'Bhardwaj et al., "Efficient Video Classification Using Fewer Frames", CVPR 2019'
FRAMES = (6, 10, 15, 20, 30)  # of up to 300
SKYLINE = (0.811, 0.414)


def _pairs(*numbers):
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


# Table 1: a pair for each of FRAMES.
BASELINES = {
    "uniform": _pairs(0.715, 0.266, 0.759, 0.324, 0.777, 0.35, 0.785, 0.363, 0.795, 0.378),
    "random": _pairs(0.679, 0.246, 0.681, 0.254, 0.717, 0.268, 0.763, 0.329, 0.774, 0.339),
    "first": _pairs(0.478, 0.133, 0.539, 0.163, 0.595, 0.199, 0.632, 0.223, 0.676, 0.258),
    "middle": _pairs(0.577, 0.178, 0.600, 0.198, 0.620, 0.214, 0.638, 0.229, 0.665, 0.25),
    "last": _pairs(0.255, 0.062, 0.267, 0.067, 0.282, 0.077, 0.294, 0.083, 0.317, 0.094),
    "first_middle_last": _pairs(0.640, 0.215, 0.671, 0.242, 0.680, 0.249, 0.698, 0.268, 0.721, 0.287),
}
STUDENTS = {
    ("parallel", ("rep",)): _pairs(0.724, 0.280, 0.762, 0.331, 0.785, 0.365, 0.794, 0.380, 0.803, 0.392),
    ("parallel", ("rep", "CE")): _pairs(0.726, 0.285, 0.766, 0.334, 0.785, 0.362, 0.795, 0.381, 0.804, 0.396),
    ("parallel", ("rep", "pred", "CE")): _pairs(0.729, 0.292, 0.770, 0.337, 0.789, 0.371, 0.796, 0.388, 0.806, 0.404),
    ("serial", ("rep",)): _pairs(0.727, 0.288, 0.768, 0.339, 0.786, 0.365, 0.795, 0.381, 0.802, 0.394),
    ("serial", ("pred",)): _pairs(0.722, 0.287, 0.766, 0.341, 0.784, 0.367, 0.793, 0.383, 0.798, 0.390),
    ("serial", ("rep", "CE")): _pairs(0.728, 0.291, 0.769, 0.341, 0.786, 0.368, 0.794, 0.383, 0.803, 0.399),
    ("serial", ("pred", "CE")): _pairs(0.724, 0.289, 0.763, 0.341, 0.785, 0.369, 0.795, 0.386, 0.799, 0.391),
    ("serial", ("rep", "pred", "CE")): _pairs(0.731, 0.297, 0.771, 0.349, 0.789, 0.375, 0.798, 0.390, 0.806, 0.405),
}

# Table 2: 30 frames, by share of the training data.
SHARES = (0.1, 0.25, 0.5)
SERIAL_BY_SHARE = _pairs(0.774, 0.345, 0.788, 0.369, 0.796, 0.373)
UNIFORM_BY_SHARE = _pairs(0.718, 0.220, 0.756, 0.301, 0.776, 0.349)

# Table 3: (hours for the validation set on K80s, billion FLOPs) by frames; None is the teacher.
COSTS = {None: (13.00, 5.058), 10: (7.61, 0.167), 20: (8.20, 0.268), 30: (9.11, 0.520)}

# Table 4, k = 30: intermediate and final matching. What is called L_rep + L_pred there has
# the final numbers of L_rep, L_pred and L_CE in Table 1.
MATCHING = {
    ("parallel", ("rep",)): _pairs(0.803, 0.393, 0.803, 0.392),
    ("parallel", ("rep", "CE")): _pairs(0.803, 0.396, 0.804, 0.396),
    ("parallel", ("rep", "pred", "CE")): _pairs(0.804, 0.400, 0.806, 0.404),
    ("serial", ("rep",)): _pairs(0.804, 0.395, 0.802, 0.394),
    ("serial", ("rep", "CE")): _pairs(0.803, 0.397, 0.803, 0.399),
    ("serial", ("rep", "pred", "CE")): _pairs(0.806, 0.405, 0.806, 0.405),
}

# Tables 5 and 6, by row and k; k = 0 means all frames. FLOPs in billions.
NETVLAD = {
    ("Skyline", 0): (0.823, 0.462),
    ("Uniform", 10): (0.773, 0.364),
    ("Uniform", 30): (0.803, 0.421),
    ("Student", 10): (0.784, 0.383),
    ("Student", 30): (0.812, 0.436),
}
NEXTVLAD = {("Skyline", 0): (0.831, 0.464), ("Uniform", 30): (0.812, 0.424), ("Student", 30): (0.818, 0.439)}
NEXTVLAD_COST = {"Skyline": 1.337, "Uniform": 0.134, "Student": 0.134}
