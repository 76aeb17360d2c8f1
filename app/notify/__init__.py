"""Telling the outside of cases: which rule takes which, the message, where it goes, and its delivery.

settings      rules and limits, as the settings file has them
destinations  where messages can go, as it has them
hours         hours of the day
rules         a case -> which destinations it goes to, and why
message       a case -> a message that knows of no destination
judging       what the engineers did about a case, in its message
text          a message -> plain text; what makes text from the cluster harmless
blocks        a message -> Slack's Block Kit, within its limits
chart         the picture that goes into a thread
courier       what brings messages to a destination
slack, alertmanager, webhook, apprise
              the couriers, and what the answers that they get mean
rendering     a message as each kind of destination gets it
http          one request of those that need no library
holding       what holds a message back: digests, quiet hours, the limit
silences      what an Alertmanager silences
shown         drafts and the outbox, as the console shows them
sending       sending by hand: what would leave, where to, and why there
outbox        the outbox as people read it
delivery      claims messages from the outbox and has them brought
"""
