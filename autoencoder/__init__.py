if __name__ != "longform.autoencoder":
    raise ImportError(f"import longform.autoencoder, not {__name__}: one file, one module")
