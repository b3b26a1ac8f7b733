"""From settings to jobs, and from jobs to rows: what runs, and where."""
