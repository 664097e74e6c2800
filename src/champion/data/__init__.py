"""What is learned from: where the table lies, what its columns hold, and which of them is to be predicted."""

from champion.data.column import Column, describe
from champion.data.columnar import Columnar
from champion.data.dataset import Dataset, Summary
from champion.data.delimited import Delimited
from champion.data.loading import load, open_table
from champion.data.schema import Rows, Schema
