"""What the formats may find that they cannot carry, in words; counted file by file.

Whatever else a manifest counts was found in the source, and is the count of the whole table.
"""

NOT_FINITE = "NaN and infinity have no form in JSON and are null"
NESTED_NOT_FINITE = "NaN and infinity inside lists and structs are null in JSON text"
NOT_JSON = "some texts are not JSON, so the column is text without the JSON mark"
RESPACED = "line breaks between JSON tokens became blanks and blanks around the value went"
NOT_IN_LINES = "not in the lines of this file"
OURS_WON = "members called like ours went from the objects"
NOT_IN_SQLITE = "NaN is null and a negative zero is zero in SQLite"
NOT_UUIDS = "some texts are no UUID in its usual form, so the column is text"
FINER_TIMES = "some times are finer than a microsecond, so the column is TIME_NS"
NOT_IN_CELLS = "values that Excel cannot hold exactly are text in their cells"
LONG_TEXTS = "texts of more than 32,767 characters go on in a hidden sheet"

FINDINGS = frozenset(
    {
        NOT_FINITE,
        NESTED_NOT_FINITE,
        NOT_JSON,
        RESPACED,
        NOT_IN_LINES,
        OURS_WON,
        NOT_IN_SQLITE,
        NOT_UUIDS,
        FINER_TIMES,
        NOT_IN_CELLS,
        LONG_TEXTS,
    }
)
