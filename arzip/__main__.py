"""python -m arzip."""

from arzip.cli import main

if __name__ == "__main__":
    main()
