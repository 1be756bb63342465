"""The numbers of Skalic & Austin, ECCV 2018 workshops."""

CITATION = 'Skalic & Austin, "Building a Size Constrained Predictive Model", ECCV 2018 workshops'

# Table 1, change of GAP after averaging, by family.
AVERAGING = {"RNN": 0.00339, "FVNet": -0.00186, "DBoF": 0.00216, "NetVLAD": 0.00072}

# Table 2, GAP, seconds and MB of an FVNet after distillation, in float32 and in 8 bits.
QUANTIZATION = ((0.87236, 476.96, 467.5), (0.87237, 507.79, 117.0))

# Table 3, GAP (post distillation, no distillation), and the gain of each family.
DISTILLATION = {
    "RNN1": (0.87058, 0.85859),
    "RNN2": (0.8703, 0.85657),
    "RNN3": (0.86705, 0.85408),
    "FVNet1": (0.87803, 0.87031),
    "DBoF1": (0.87202, 0.86819),
    "DBoF2": (0.87391, 0.86945),
    "DBoF3": (0.87262, 0.86864),
    "NetVLAD1": (0.87789, 0.8721),
    "NetVLAD2": (0.87842, 0.87083),
    "NetVLAD3": (0.87806, 0.87237),
    "NetVLAD4": (0.87833, 0.87096),
    "NetVLAD5": (0.87884, 0.87163),
    "NetVLAD6": (0.8784, 0.87156),
}
FAMILY_GAINS = {"RNN1": 0.01290, "FVNet1": 0.00772, "DBoF1": 0.00409, "NetVLAD1": 0.00675}

# Table 4, MB and weight of each member. The shares of the sizes follow.
ENSEMBLE = {
    "RNN1": (54, 0.0063),
    "RNN2": (19, 0.0442),
    "RNN3": (19, 0.1244),
    "FVNet1": (369, 0.202),
    "DBoF1": (59, 0.0956),
    "DBoF2": (37, 0.1088),
    "DBoF3": (33, 0.0951),
    "NetVLAD1": (242, 0.1685),
    "NetVLAD2": (220, 0.1551),
}
SEARCH_GAIN = 0.0005  # GAP, of the best weights by random search over equal ones
