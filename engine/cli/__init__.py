"""The command line: `python -m engine VERB`, installed as `tunewright VERB`.

main      the border: errors become one sentence and an exit code
parser    the registry of verbs, and their options     verb      what a verb is
output    what is printed where                        progress  a worker's events as a bar or as lines
follow    a task's worker, from start to end           check     a job, before a run is made of it
summary   what a run came to

One file a verb or a group of them:
training  running  answers (compare)  exporting  inspecting  estimating  models  runs  speed  checks  example
"""
