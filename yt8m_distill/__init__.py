"""Video classification from frame features: teachers, students, one gigabyte.

Importing this package imports neither TensorFlow nor Keras, so every `--help` answers at once.
"""

__version__ = "0.1.0"
