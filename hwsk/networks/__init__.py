"""Define torch modules and losses, without scikit-learn, skorch or files."""
