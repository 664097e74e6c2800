"""What a person sees and types: the console, complaints in one line, and `python -m champion`."""
