"""Count the words of a folder's files, one task per file.

    scripts/demo [FOLDER] [--broker URL]        everything at once: worker, count, check

or by hand, in a folder of your own and with this package's parent on PYTHONPATH:

    kernelq -A wordcount.tasks worker -c 2      in one terminal
    python -m wordcount.run FOLDER              in another

Parts: `tasks` (the app and its task), `files` (which files count), `run` (submits, collects, prints, checks),
`demo` (a worker and a temporary folder around `run`).
"""
