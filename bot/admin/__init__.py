"""The server admin's commands, checked on our side at every use."""
