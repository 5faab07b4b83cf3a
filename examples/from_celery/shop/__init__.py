"""A shop's background work, written as one writes it for Celery; see the README one folder up."""
