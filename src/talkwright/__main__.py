"""`python -m talkwright` is the same as `talkwright`."""

from talkwright.cli import main

if __name__ == "__main__":
    main()
