"""The Discord half of Easel: asyncio, discord.py and SQLite. It never imports torch."""
