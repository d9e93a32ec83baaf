"""View-models: what the pages show and do, without widgets. Signals out, plain calls in."""
