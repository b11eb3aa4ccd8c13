"""`python -m hwsk`: the command line."""

from hwsk.cli import main

if __name__ == "__main__":
    main(prog_name="hwsk")
