"""What became of the data? Numbers and examples, gathered while rows stream by, as JSON and as a page."""
