"""Evaluate the model that the job file names."""

from slipway.contract.job import Evaluate
from slipway_pod.run import main
from slipway_train_torch.evaluate.job import evaluate

main(evaluate, Evaluate)
