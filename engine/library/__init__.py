"""What is on this computer and on the hub: folders, preferences, runs, models, devices, estimates. No torch.

folders  home: where things live          preferences  what the user chose for every run
runs     run folders, tasks, trash        alive        whether a worker still lives
models   model folders, described, checked    weights  architectures: what models.py reads them with
hub      search and download              devices      memory and processors
estimate memory, time and disk of a job   launch       how a worker process is started
"""
