"""One module per tool that runs jobs: ``write(folder, jobs)`` and ``command(peers, at_once)``.

The command leaves the last job's value in a file of its name, unless the module has a ``check`` of its own.
"""
