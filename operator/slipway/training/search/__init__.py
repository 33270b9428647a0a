"""Searches: TrainingJobs that make other TrainingJobs, and one ModelVersion of the best."""
