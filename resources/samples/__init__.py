"""The bundled sample data and the script that generates it."""
