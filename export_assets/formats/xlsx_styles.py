"""How cells look: one list of styles for all workbooks, so that a sheet fits into any of them."""

from typing import Final

from export_assets.formats.xlsx_text import attribute

MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
"""The namespace of workbooks, sheets and styles."""

HEADER: Final = 1
DATE: Final = 2
INSTANT: Final = 3
WALL_CLOCK: Final = 4
_WHOLE: Final = 5

_MOST_DIGITS: Final = 30
"""After the point, that a number format can show."""
_FORMATS: Final = (
    "yyyy-mm-dd",
    r"yyyy-mm-dd hh:mm:ss.000\Z",
    "yyyy-mm-dd hh:mm:ss.000",
    *("0." + "0" * digits if digits else "0" for digits in range(_MOST_DIGITS + 1)),
)


def decimal_style(scale: int) -> int:
    """Return the style that shows *scale* digits after the point, as far as there is one."""
    return _WHOLE + min(scale, _MOST_DIGITS)


def styles() -> str:
    """Return the list in XML."""
    first = 164  # the numbers below are Excel's own formats
    codes = "".join(
        f'<numFmt numFmtId="{first + index}" formatCode="{attribute(code)}"/>'
        for index, code in enumerate(_FORMATS)
    )
    plain = '<xf numFmtId="0" fontId="{font}" fillId="0" borderId="0"{base}{bold}/>'
    base = ' xfId="0"'
    cells = [plain.format(font=0, base=base, bold="")]
    cells.append(plain.format(font=1, base=base, bold=' applyFont="1"'))
    cells += [
        f'<xf numFmtId="{first + index}" fontId="0" fillId="0" borderId="0" xfId="0" '
        'applyNumberFormat="1"/>'
        for index in range(len(_FORMATS))
    ]
    font = '<font>{bold}<sz val="11"/><name val="Calibri"/></font>'
    fills = "".join(
        f'<fill><patternFill patternType="{kind}"/></fill>' for kind in ("none", "gray125")
    )
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts count="{len(_FORMATS)}">{codes}</numFmts>'
        f'<fonts count="2">{font.format(bold="")}{font.format(bold="<b/>")}</fonts>'
        f'<fills count="2">{fills}</fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        f'<cellStyleXfs count="1">{plain.format(font=0, base="", bold="")}</cellStyleXfs>'
        f'<cellXfs count="{len(cells)}">{"".join(cells)}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
        "</styleSheet>"
    )
