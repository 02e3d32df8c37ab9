"""Shows single appearances of a run: where in which video, and what they look like.

Not called `show`: the front door has a function of that name, and a package would replace it.
"""
