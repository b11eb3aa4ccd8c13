"""The bridge from the scikit-learn contract to a skorch net."""
