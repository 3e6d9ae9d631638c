"""The driver's cursor that fetches row by row, made to close quietly where the server is gone."""

from pymysql.cursors import SSCursor


class StreamCursor(SSCursor):
    """Rows come as they are asked for, never all at once."""

    def close(self) -> None:
        """Fetch what is left of the result, unless the connection is lost already."""
        connection = self.connection
        if connection is not None and not connection.open:
            # The driver would look for the rest on a socket that is no more.
            if self._result is not None:
                self._result.unbuffered_active = False
            self.connection = None
            return
        super().close()

    __del__ = close
