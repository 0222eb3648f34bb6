"""The stage that measures how sharp faces are."""
