"""A hub dataset's way into the draft, the engine played by the test."""

import pytest

from engine.job.commands import Cancel, Pause, Resume
from engine.job.datasets import DatasetPart
from engine.job.events import DatasetFound, Downloaded, Failed, Finished, Progress
from engine.job.sections import DataSource
from engine.job.tasks import read_task
from gui.state.hub_data import HubDataState
from tests.gui.windows import StillEngine

COMMIT = "a" * 40
TRAIN = DatasetPart("main", "train", 2, 1000, 0)
FOUND = DatasetFound("acme/rows", "main", COMMIT, (TRAIN, DatasetPart("other", "", 1, 5, 0)))


@pytest.fixture
def engine(qapp):
    return StillEngine()


@pytest.fixture
def hub(engine):
    return HubDataState(engine)


def asked(engine):
    return read_task(engine.started[-1] / "job.toml")


def test_a_look_is_a_task_of_the_engine_that_fetches_nothing(hub, engine):
    hub.look("https://huggingface.co/datasets/acme/rows/tree/v2")
    task = asked(engine)
    assert (task.repo, task.revision, task.kind, task.only_look) == ("acme/rows", "v2", "dataset", True)
    assert hub.is_looking
    engine.tell(engine.started[-1], FOUND)
    assert (hub.found, hub.is_looking) == (FOUND, False)


def test_what_is_no_dataset_starts_no_task(hub, engine):
    hub.look("rows")
    assert "is not the name of a dataset" in hub.problem[0]
    assert engine.started == []


def test_a_refusal_is_kept_and_a_parquet_copy_offered_where_it_helps(hub, engine):
    hub.look("acme/rows")
    engine.tell(engine.started[-1], Failed("It is a program.", "Its version is refs/convert/parquet."))
    assert hub.problem == ("It is a program.", "Its version is refs/convert/parquet.")
    assert hub.has_copy
    hub.look_at_copy()
    assert asked(engine).revision == "refs/convert/parquet"
    assert hub.problem is None


def test_a_part_is_downloaded_and_arrives_as_a_source_of_its_commit(hub, engine):
    arrived = []
    hub.arrived.connect(arrived.append)
    hub.look("acme/rows")
    engine.tell(engine.started[-1], FOUND)
    hub.take(TRAIN)
    task = asked(engine)
    assert (task.repo, task.subset, task.split, task.only_look) == ("acme/rows", "main", "train", False)
    folder = engine.started[-1]
    engine.tell(folder, Progress("", 400, 1000, "bytes"))
    assert (hub.download.done, hub.download.total) == (400, 1000)
    hub.pause()
    hub.pause()
    assert [type(command) for folder_, command in engine.sent if folder_ == folder] == [Pause, Resume]
    engine.tell(folder, Downloaded("acme/rows", COMMIT, "/x", 1000), Finished("done", 1.0))
    assert hub.download is None
    assert arrived == [DataSource(path="acme/rows", subset="main", split="train", revision=COMMIT)]


def test_a_dataset_without_subsets_and_splits_is_named_without(hub, engine):
    hub.look("acme/rows")
    engine.tell(
        engine.started[-1], DatasetFound("acme/rows", "main", COMMIT, (DatasetPart("", "", 1, 5, 0),))
    )
    source = hub.source_of(hub.found.parts[0])
    assert (source.subset, source.split, source.revision) == (None, None, COMMIT)


def test_cancelling_ends_the_task_and_looks_how_much_is_here(hub, engine):
    hub.look("acme/rows")
    engine.tell(engine.started[-1], FOUND)
    hub.take(TRAIN)
    loading = engine.started[-1]
    hub.cancel()
    assert (loading, Cancel) in [(folder, type(command)) for folder, command in engine.sent]
    assert hub.download is None
    assert asked(engine).only_look


def test_another_look_leaves_a_download_alone(hub, engine):
    hub.look("acme/rows")
    engine.tell(engine.started[-1], FOUND)
    hub.take(TRAIN)
    loading = engine.started[-1]
    hub.look("acme/other")
    engine.tell(loading, Progress("", 500, 1000, "bytes"))
    assert hub.download.done == 500


def test_a_failed_download_says_why(hub, engine):
    hub.look("acme/rows")
    engine.tell(engine.started[-1], FOUND)
    hub.take(TRAIN)
    engine.tell(engine.started[-1], Failed("The disk is full.", "Make room."))
    assert hub.download is None
    assert hub.problem == ("The disk is full.", "Make room.")
