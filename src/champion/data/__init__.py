"""What is learned from: where the table lies, what its columns hold, and which of them is to be predicted."""

from champion.data.column import Column, describe
from champion.data.dataset import Dataset, Summary
from champion.data.loading import load

__all__ = ["Column", "Dataset", "Summary", "describe", "load"]
