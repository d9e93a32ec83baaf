"""The bundled starter model and the scripts that generate its text and train it."""
