"""Telling the outside of cases: which rule takes which, the message, where it goes, and its delivery.

settings    destinations and rules, as the settings file has them
rules       a case -> which destinations it goes to, and why
message     a case -> a message that knows of no destination
blocks      a message -> Slack's Block Kit, within its limits
courier     what brings messages to a destination
slack       the two that bring them to Slack, and what its answers mean
delivery    claims messages from the outbox and has them brought
"""
