"""Who may do what: keys, rates, headers, and a record of who read and deleted what."""
