"""What goes in: images, strokes, labels. One check and one scan each."""
