"""Before the run: memory, time, energy and cost of a recipe, and the settings that fit.

In: a model's shape, the lengths of its training rows, a `train` section and a machine. Out: `Estimate`
and `Planned`. No weights are loaded and no GPU is needed.
"""
