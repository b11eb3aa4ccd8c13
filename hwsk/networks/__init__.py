"""Torch modules and their losses; they know nothing of scikit-learn, skorch or files."""
