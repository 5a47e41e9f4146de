"""One run of a pipeline, in the order of its phases."""
