"""`python -m server`."""

import sys

# The worker's process imports this file too, and must stay free of the server's libraries.
if __name__ == "__main__":
    from server.cli import main

    sys.exit(main())
