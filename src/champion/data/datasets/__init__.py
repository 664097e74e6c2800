"""The bundled tables, each beside the script that built it and says where it comes from."""
