"""What a task is: job schema, cards, events, commands, run record and errors. Nothing here does the work.

Standard library only (`tomli_w` where a job file is written), so that the window may import all of it.

errors    what may go wrong, in words            settings  one field: label, help, limits
sections  [model] [[data]] [rows] [train] ...    cards     what a method, adapter or exporter looks like
methods   adapters  exports: the cards           job       the whole job and its TOML
tasks     chat, export, download, inspect        record    run.json
events    commands: what crosses a process       messages  codec: their JSON
channel   the folder's files, append and tail
"""
