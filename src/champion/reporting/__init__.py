"""What a run and a sweep leave to look at: given numbers, pictures, tables and pages come back as files."""
