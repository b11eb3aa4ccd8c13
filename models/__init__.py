"""Hold the pretrained models of hwsk and their cards as data."""
