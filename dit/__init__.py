if __name__ != "longform.dit":
    raise ImportError(f"import longform.dit, not {__name__}: one file, one module")
