"""The slash commands of painters, one file each."""
