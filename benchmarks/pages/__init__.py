"""Train and evaluate the segmenter of pages."""
