"""What is seen: dumb Textual views. Values come in as reactives, wishes go out as messages."""
