"""From files to typed rows. Reading needs pyarrow at most; nothing here knows a tokenizer.

rows     what a row is, whatever file it came from
files    opening: compression, encoding, what a file really is
readers  one function a kind of file: records (column -> value) with their lines
shapes   one entry a kind of record: which columns it takes, and what row it gives
dataset  sources of a job -> one set of rows, counted, hashed, split by prompt
"""
