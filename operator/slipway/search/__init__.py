"""What is drawn next? Optuna's samplers, in a process of their own, and the study that they are told."""
