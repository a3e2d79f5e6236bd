"""The last stage of a batch: results are encoded, written, and noted in the manifest."""

import time
from collections.abc import Callable, Sequence

from restore_cli.batch.attributes import Attributes
from restore_cli.batch.bands import make_in_bands
from restore_cli.batch.gate import Gate
from restore_cli.batch.outputs import Outputs
from restore_cli.batch.planning import prepare_folder
from restore_cli.batch.reading import Reader, Restore
from restore_cli.batch.results import Result
from restore_cli.batch.work import Work, finished
from restore_cli.images.atomic import named_through, written_hashes


class Writing:
    """Writes what was computed. Its methods may be called by several threads.

    Args:
        outputs: of the run.
        reader: reads pictures that go in bands.
        restore: restores them.
        preserve_times: outputs take their inputs' times.
        drop: called of each work that has come to its end, whatever that is.

    Attributes:
        gate: what every file passes when it gets its name.
    """

    def __init__(
        self,
        outputs: Outputs,
        reader: Reader,
        restore: Restore,
        *,
        preserve_times: bool,
        drop: Callable[[Work], None],
    ) -> None:
        self.gate = Gate()
        self._outputs, self._reader, self._restore = outputs, reader, restore
        self._preserve_times, self._drop = preserve_times, drop

    def save(self, works: Sequence[Work]) -> list[Result]:
        """Write pictures one after the other; one that fails does not stop the rest.

        Small ones that were computed together come together: threads that write them one by one
        wait for each other longer than that takes.

        Returns:
            What became of each.
        """
        written: list[Work] = []
        told: list[Result] = []
        for work in works:
            begun = time.perf_counter()
            try:
                self._write(work)
            except Exception as error:
                work.spend(begun)
                told.append(self._failed(work, error))
            else:
                work.spend(begun)
                written.append(work)
        try:
            self._outputs.record(written)
        except Exception as error:
            return [*told, *(self._failed(work, error) for work in written)]
        for work in written:
            self._drop(work)
        return [*told, *(work.result("done") for work in written)]

    def _write(self, work: Work) -> None:
        job = work.job
        restored = None if work.in_bands else finished(work)
        kept = Attributes.for_output(job.source, job.output, preserve_times=self._preserve_times)
        prepare_folder(job.output.parent)  # again: it may have gone meanwhile
        with named_through(self.gate.naming), written_hashes() as hashes:
            if restored is None:
                make_in_bands(self._reader, work, self._restore)
            else:
                work.note(*(restored.write(job.output, job.format) or ()))
        work.output_sha256 = hashes.get(job.output)
        kept.apply(job.output)

    def _failed(self, work: Work, error: Exception) -> Result:
        self._drop(work)
        return work.result("failed", error)
