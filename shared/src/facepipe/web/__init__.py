"""What every HTTP service has: its app, its doors, and errors as problem documents."""
