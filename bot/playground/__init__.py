"""A Discord of one's own on loopback: as much of REST v10 and gateway v10 as Easel uses.

It is data (`world`), rules (`limits`, `permissions`, `rates`), what happens (`messages`,
`interactions`, `commands`) and three ways in: `rest` and `gateway` for the bot, `page_api` for
people. It never imports discord.py nor anything of the bot it serves.
"""
