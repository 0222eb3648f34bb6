"""What a process finds around it: settings, secrets, the limits of its control group, devices."""
