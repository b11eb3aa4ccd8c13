"""Run the command line by `python -m hwsk`."""

from hwsk.cli import main

if __name__ == "__main__":
    main(prog_name="hwsk")
