import json
import subprocess
import sys


def test_a_first_look_imports_nothing_that_was_not_imported_early(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"q{n}", "completion": "a"}) + "\n" for n in range(300)))
    code = (
        "import sys, engine.use.inspect\n"
        "from engine.data.early import import_arrow\n"
        "from engine.job.job import Job\n"
        "from engine.job.sections import DataSource\n"
        "from engine.use.inspection import Inspection\n"
        "import_arrow()\n"
        "before = set(sys.modules)\n"
        "found = Inspection(Job(data=(DataSource(path=sys.argv[1]),)), head=200)\n"
        "found.summary(is_complete=False)\n"
        "found.show(0, 100)\n"
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
