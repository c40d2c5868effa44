"""The one exception that is meant for the person at the keyboard."""


class UserError(ValueError):
    """A mistake that the user can mend: the message names the culprit, the value and the way out.

    The command line prints it as one line and exits with code 2.
    """
