"""What passes through Redis: jobs and their table, the connection, reports of stages."""
