"""The routes of the input API, a module for each thing a client wants."""
