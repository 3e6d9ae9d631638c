"""What the formats may find that they cannot carry, in words; counted file by file.

Whatever else a manifest counts was found in the source, and is the count of the whole table.
"""

NOT_FINITE = "NaN and infinity have no form in JSON and are null"
NESTED_NOT_FINITE = "NaN and infinity inside lists and structs are null in JSON text"
NOT_JSON = "some texts are not JSON, so the column is text without the JSON mark"
RESPACED = "line breaks between JSON tokens became blanks and blanks around the value went"
NOT_IN_LINES = "not in the lines of this file"
OURS_WON = "members called like ours went from the objects"

FINDINGS = frozenset({NOT_FINITE, NESTED_NOT_FINITE, NOT_JSON, RESPACED, NOT_IN_LINES, OURS_WON})
