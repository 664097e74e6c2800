"""The tests of champion.data, a file for each of its modules."""
