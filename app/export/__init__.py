"""A case as a file for others: a document that knows of no format, and the formats.

document    a document's parts
sections    a case -> what is told of it, or the report of an incident
markdown    a document for a ticket or a wiki
html        a document as one file with its charts
chart       the values of an anomaly against their band, as SVG
table       investigations as CSV
files       where it is written
"""
