"""Train and measure the recognizer of pen strokes."""
