"""Check and scan the input: images, strokes, pairs, labels."""
