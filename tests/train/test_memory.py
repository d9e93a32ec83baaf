import mmap

import pytest
import torch

from engine.job.channel import Desk, events_of
from engine.job.errors import ResourceError
from engine.job.events import Remark
from engine.train.memory import MemoryGauge, RowsAtATime, is_out_of_memory
from engine.worker.faults import failed_by


def test_when_memory_runs_out_rows_are_halved_and_the_work_is_done_anew(tmp_path):
    rows, sizes = RowsAtATime(7, Desk(tmp_path)), []

    def work(size):
        sizes.append(size)
        if size > 3:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 4 GB")
        return "done"

    assert rows.fitting(work) == "done"
    assert sizes == [7, 4, 2]
    assert rows.size == 2  # and it stays so for the updates to come
    told = [event for event in events_of(tmp_path) if isinstance(event, Remark)]
    assert [remark.title[-22:] for remark in told] == ["with 4 rows at a time.", "with 2 rows at a time."]


def test_layers_are_computed_again_before_a_portion_is_no_longer_worth_it(tmp_path):
    tried, recomputed = [], []

    def work(size):
        tried.append((size, len(recomputed)))
        if len(tried) < 5:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return "done"

    rows = RowsAtATime(16, Desk(tmp_path), least=8, recompute=lambda: recomputed.append(True))
    assert rows.fitting(work) == "done"
    assert tried == [(16, 0), (8, 0), (8, 1), (4, 1), (2, 1)]
    told = [event.title for event in events_of(tmp_path)]
    assert told[1] == "Memory ran out; all layers are computed again on the way back from now on."


def test_a_single_row_is_tried_again_with_layers_computed_again(tmp_path):
    recomputed = []

    def work(size):
        if not recomputed:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return size

    assert RowsAtATime(1, Desk(tmp_path), recompute=lambda: recomputed.append(True)).fitting(work) == 1


def test_what_held_the_memory_is_gone_before_the_next_try(tmp_path):
    import gc
    import weakref

    held = []

    def work(size):
        gc.collect()
        if size == 2:
            activations = torch.zeros(10)
            held.append(weakref.ref(activations))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return held[0]() is None

    assert RowsAtATime(2, Desk(tmp_path)).fitting(work)


def test_one_row_that_does_not_fit_ends_with_advice(tmp_path):
    def work(size):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(ResourceError, match="single row") as error:
        RowsAtATime(2, Desk(tmp_path)).fitting(work)
    assert "max_tokens" in error.value.advice


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_a_library_that_gets_no_working_space_is_short_of_memory(words):
    assert is_out_of_memory(RuntimeError(words))
    assert failed_by(RuntimeError(words)).title == "Memory ran out."


def test_other_errors_are_not_taken_for_memory(tmp_path):
    def work(size):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        RowsAtATime(8, Desk(tmp_path)).fitting(work)
    assert is_out_of_memory(MemoryError())


def test_the_gauge_sees_what_is_taken():
    gauge = MemoryGauge("cpu")
    before = gauge.read()
    size = 64 * 2**20
    with mmap.mmap(-1, size) as taken:  # from the system: an allocator may hand out what it held back earlier
        taken.write(b"1" * size)
        assert gauge.read() - before > 32 * 2**20
