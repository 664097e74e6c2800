"""What every room stands on: the kinds of mistakes, where things are kept, and how commands are written."""
