if __name__ != "longform.train":
    raise ImportError(f"import longform.train, not {__name__}: one file, one module")
