"""What `bench.data` compares: one text and one plan, prepared by two pipelines, and what each of them kept."""
