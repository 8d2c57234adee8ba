"""Measures the papers' tables again and writes the results pages.

`tables` reads a table from configs/tables, `runs` trains and evaluates a row, and `measure` all
rows. `collect` takes the measurements from their reports, and `measurements` is the CSV file of a
table. `orderings` compares rows as the paper does. `render` writes one table as Markdown, `summary`
ten claims, and `pages` all results pages from the CSV files. `command` is the command.
"""
