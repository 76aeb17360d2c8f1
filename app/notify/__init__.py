"""Telling the outside of cases: which rule takes which, the message, where it goes, and its delivery.

rules       settings -> which destinations a case goes to, and why
message     a case -> a message that knows of no destination
slack       a message -> Slack, and Slack's answers -> what to do about them
delivery    claims messages from the outbox and sends them
"""
