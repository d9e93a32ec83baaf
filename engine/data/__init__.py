"""From files to typed rows. Reading needs pyarrow at most; nothing here knows a tokenizer.

rows      what a row is, whatever file it came from
files     opening: compression, encoding, what a file really is
folders   which files a folder and a split mean
readers   one function for each kind of file: records (column -> value) with their lines
shapes    which columns each kind of record takes, and how it is recognised
values    a record by the roles of its columns, checked
building  one function for each shape: the row that a record gives
dataset   sources of a job -> one set of rows, counted, hashed, split by prompt
"""
