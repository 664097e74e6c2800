"""What people would use instead: each script reads a folder's rows, learns for so many seconds, and predicts."""
