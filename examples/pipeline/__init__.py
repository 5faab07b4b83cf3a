"""Read a folder of Python sources in parallel and report on them: a chord of chains per package, and a chord around those.

    python -m pipeline [FOLDER]        everything at once: worker, workflow, report, check; see README.md

Parts: `files` (which files, by package), `reading` (what is found in one, how findings are added up; plain Python),
`tasks` (the app, its tasks, the workflow they make), `showing` (what is printed), `run` (start, wait, check),
`__main__` (a worker and a temporary folder around it).
"""
