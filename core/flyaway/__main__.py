"""`python -m flyaway` is `flyaway`."""

from flyaway.cli import main

if __name__ == "__main__":
    main()
