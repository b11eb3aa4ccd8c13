"""Connect scikit-learn's contract with a skorch net."""
