"""A worker without torch: `python fake_worker.py FOLDER` (or -) does what the run's name says, and ends.

"finish": started and finished; "wait": started, then finished when told Stop; "kill": ends itself by SIGKILL;
"exit": ends with code 7 and no word. The first remark tells whether it was warm.
"""

import os
import signal
import sys
import time
from pathlib import Path

from engine.job.channel import Desk
from engine.job.events import Finished, Remark, Started
from engine.job.record import read_record, update_record

is_warm = sys.argv[1] == "-"
line = sys.stdin.readline() if is_warm else sys.argv[1]
if line.strip():
    folder = Path(line.rstrip("\n"))
    desk = Desk(folder)
    update_record(folder, status="running", pid=os.getpid(), heartbeat=time.time())
    desk.tell(Started("train", os.getpid(), {}))
    desk.tell(Remark("info", "warm" if is_warm else "cold"))
    what = read_record(folder).name
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "exit":
        sys.exit(7)
    while what == "wait" and not desk.heard():
        time.sleep(0.01)
    update_record(folder, status="done")
    desk.tell(Finished("done", 0.1))
