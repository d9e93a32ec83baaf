"""A model that has grown experts, trained here and by transformers itself."""
