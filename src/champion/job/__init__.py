"""What one command does: a run, a trial of a study, the last job of a sweep."""
