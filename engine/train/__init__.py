"""Training: from a job to a result.

session   a job from start to end          rows        data, tokenised and split
batches   row order, padding               forward     batches through the model
objective what is minimised                reference   log-probabilities before training
loop      THE loop                         optimizer   AdamW, schedule, clipping
between   what happens between updates     memory      rows at a time, when memory runs out
checkpoints  write, check, find, prune     result      what the run leaves behind
"""
