"""The training benchmark: whole runs of ours beside whole runs of TRL, each a fresh process on the same text."""
