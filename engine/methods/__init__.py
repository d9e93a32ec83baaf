"""Losses: pure functions, tensors and settings in, `Loss` out. Torch alone; no model, device or logging."""
