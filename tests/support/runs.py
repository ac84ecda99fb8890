"""A run to save in a store."""

from flows.storage.runs import make_run
from rnncore import Hyperparameters

network = Hyperparameters(hidden_size=8)
run = make_run("0" * 16, held_out=0.1, split="content", seed=0, network=network)
