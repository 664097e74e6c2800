"""The server that answers with the champion's predictions."""
