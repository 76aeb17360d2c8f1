"""One module and one style sheet beside it per screen."""
