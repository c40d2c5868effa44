"""The one thing pyproject.toml cannot say: each top-level folder ships as longform.<folder>."""

from setuptools import find_packages, setup

FOLDERS = {"longform.autoencoder": "autoencoder", "longform.dit": "dit", "longform.train": "train"}

packages = ["longform", *(f"longform.{name}" for name in find_packages("longform"))]
for dotted, folder in FOLDERS.items():
    packages += [dotted, *(f"{dotted}.{name}" for name in find_packages(folder))]

setup(packages=packages, package_dir={"longform": "longform", **FOLDERS})
