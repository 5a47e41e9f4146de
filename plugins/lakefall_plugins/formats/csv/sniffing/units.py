"""Units of measurement, as they stand below the names of columns."""

from __future__ import annotations

import re

_BASE = """
    m cm mm km nm um µm μm g kg mg µg μg ug ng t s sec secs ms us µs ns min mins h hr hrs d day days
    wk week weeks month months y yr yrs year years Hz kHz MHz GHz rpm V mV kV A mA uA µA W mW kW MW
    GW kWh MWh GWh TWh J kJ MJ GJ cal kcal K C F °C °F ºC degC degF deg ° degrees rad mrad sr Pa hPa
    kPa MPa GPa bar mbar psi atm mmHg N kN Nm L l dL dl mL ml µL ul hl gal mol mmol µmol umol nmol M
    mM µM ppm ppb ppt pH % percent pct ‰ USD EUR GBP CHF JPY $ € £ ¥ ha ac ft in inch yd mi nmi mph
    kph knots kt kts lb lbs oz cd lx lm dB dBm dBA Ohm ohm Ω kΩ F pF nF µF uF H mH T mT B kB KB MB
    GB TB bytes bits bps Mbps count counts cts px pixels au a.u. arb arb.u. Da kDa bp kb Mb NTU PSU
    FTU mS µS uS S cfs cms mgd UTC GMT local hh:mm hh:mm:ss yyyy-mm-dd dd/mm/yyyy mm/dd/yyyy
    unitless dimensionless No. no.
"""
PLACEHOLDERS = frozenset({"-", "--", "#", "none", "\u2013", "\u2014"})
"""What stands for no unit; a missing value may be written so, too."""
_KNOWN = frozenset(_BASE.split()) | PLACEHOLDERS
_BRACKETED = re.compile(r"\([^()]{0,24}\)|\[[^\[\]]{0,24}\]|\{[^{}]{0,24}\}")
_POWER = re.compile(r"(?:\^|\*\*)?[-\u207b]?[\d\u00b2\u00b3\u00b9]$")
_PARTS = re.compile(r"[/*·.⋅ ]+|per ")


def is_unit(cell: str) -> bool:
    """Whether a cell reads like a unit: ``m/s``, ``[kg]``, ``mg L-1``, ``%``; not one that is
    empty."""
    text = cell.strip()
    if text in _KNOWN or _BRACKETED.fullmatch(text):
        return True
    parts = [part for part in _PARTS.split(text) if part]
    return 0 < len(parts) <= 4 and parts != ["1"] and all(map(_is_part, parts))


def _is_part(part: str) -> bool:
    bare = part
    while bare not in _KNOWN and (shorter := _POWER.sub("", bare)) != bare:
        bare = shorter
    return bare in _KNOWN or part == "1"
