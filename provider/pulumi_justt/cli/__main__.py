"""Run the command line as `python -m pulumi_justt.cli`."""

from pulumi_justt.cli.app import main

if __name__ == "__main__":
    main()
