"""The room of TrainingJobs."""
