"""Sends the photographs that are put into a folder."""
