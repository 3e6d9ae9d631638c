"""Reading ahead: the next batch of a source or a file is fetched while this one is worked on."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread

from export_assets.errors import InternalError
from export_assets.tables.batch import Batch

_AHEAD = 1
_WAIT = 0.1

_Item = Batch | BaseException | None


@contextmanager
def reading_ahead(
    batches: Iterator[Batch], *, cancel: Callable[[], None] = lambda: None
) -> Iterator[Iterator[Batch]]:
    """Give *batches* as they are fetched by a thread of their own, one ahead.

    What fetching raises is raised where the batch was asked for. Leaving the block ends the
    thread and closes *batches*, whether all were taken or not. Where an interrupt ends it,
    *cancel* is called first: it makes a source give up the batch it is waiting for.
    """
    queue: Queue[_Item] = Queue(_AHEAD)
    stopped, ended = Event(), Event()

    def fetch() -> None:
        try:
            _fetch(batches, queue, stopped)
        finally:
            ended.set()

    reader = Thread(target=fetch, name="source-reader", daemon=True)
    try:
        reader.start()
        with closing(_take(queue, ended)) as taken:
            yield taken
    except KeyboardInterrupt:
        stopped.set()
        cancel()
        raise
    finally:
        _end(reader, stopped, ended)


def _end(reader: Thread, stopped: Event, ended: Event) -> None:
    """End *reader*, however often interrupted; the first interrupt is raised at the end."""
    interrupt: BaseException | None = None
    while True:
        try:
            stopped.set()
            if reader.ident is not None:
                # An interrupted join() takes the thread for ended (Python 3.11), and the next
                # one returns at once; so it is only asked when the thread has nothing left to do.
                ended.wait()
                reader.join()
        except BaseException as error:  # noqa: BLE001 - raised below; nothing else ends waiting
            interrupt = interrupt or error
        else:
            break
    if interrupt is not None:
        raise interrupt


def _fetch(batches: Iterator[Batch], queue: Queue[_Item], stopped: Event) -> None:
    try:
        for batch in batches:
            if not _hand_over(queue, batch, stopped):
                break
        else:
            _hand_over(queue, None, stopped)
    except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits for it
        _hand_over(queue, error, stopped)
    finally:
        if isinstance(batches, Generator):
            batches.close()


def _hand_over(queue: Queue[_Item], item: _Item, stopped: Event) -> bool:
    while not stopped.is_set():
        try:
            queue.put(item, timeout=_WAIT)
        except Full:
            continue
        return True
    return False


def _take(queue: Queue[_Item], ended: Event) -> Generator[Batch, None, None]:
    while True:
        try:
            item = queue.get(timeout=_WAIT)
        except Empty:
            if ended.is_set() and queue.empty():
                # Ending quietly here would make a torn read look like a short table.
                msg = "the reader of the source ended before its last batch"
                raise InternalError(msg) from None
            continue
        if item is None:
            return
        if isinstance(item, BaseException):
            raise item
        yield item
