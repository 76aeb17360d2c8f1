"""How good findings are, as statistics: shares with intervals, delays, changes of rate. No I/O, no numpy to count."""
