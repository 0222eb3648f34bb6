"""Keeps the ledger of images, joins the parts of their analysis, draws and keeps the results."""
