"""The road of Skalic & Austin, "Building a Size Constrained Predictive Model", ECCV 2018, at sizes for two cores.

Four families are trained on the labels and averaged; three models of each are picked; the mean of their predictions
teaches the same three again; the best family is taught twice. Large weights of the last models are stored in 8 bits,
weights of an ensemble that fits a budget are searched on one half of the evaluation shards, and one SavedModel answers
for all of it on the other half.

runs.py      the runs, by name
choices.py   which families are averaged, and which three models of each go on
members.py   the last models, and their quantised run directories
ensemble.py  weights, the SavedModel, its submission
tableN.py    the paper's Table N
"""
