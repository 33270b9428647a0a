"""What `bench.train` compares: one plan, one base model and one dataset, trained by two trainers and judged by one."""
