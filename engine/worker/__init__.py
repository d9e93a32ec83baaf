"""The process that works on one task's folder: `python -m engine worker FOLDER` (or `-`: wait for one, warm).

process   from the command line to the exit code        work     one folder, from Started to Finished
desk      events told, the run's record kept in step    pulse    the sign of life every two seconds
log       output into engine.log, tokens struck out     faults   any exception in a person's words
courtesy  how much of the machine it takes              claim    one worker a folder
orphan    what waits for a window's questions ends with it
"""
