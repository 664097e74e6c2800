"""What a sweep is told by, to people: one HTML file that needs nothing else, not even a network.

search.py knows the trials and their words, tables.py and charts.py what is shown of them, page.py puts it together.
"""

from champion.sweep_report.page import write

__all__ = ["write"]
