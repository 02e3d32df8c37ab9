"""One function for each job of facetally: the command line and `import facetally` both call these.

Each takes paths and options, does the whole job, and returns a typed result. Nothing is printed.
"""
