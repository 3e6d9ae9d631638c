"""The driver's cursor that fetches row by row, made to close quietly where the server is gone."""

from typing import Any

from pymysql.cursors import SSCursor


class StreamCursor(SSCursor):
    """Rows come as they are asked for, never all at once."""

    connection: Any
    _result: Any

    def close(self) -> None:
        """Fetch what is left of the result, unless the connection is lost already."""
        if self.connection is not None and not self.connection.open:
            # The driver would look for the rest on a socket that is no more.
            if self._result is not None:
                self._result.unbuffered_active = False
            self.connection = None
            return
        super().close()

    __del__ = close
