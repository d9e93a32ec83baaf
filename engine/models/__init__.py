"""Models at work: loading, chat templates, adapters, fingerprints and answers. Losses live in engine.methods."""
