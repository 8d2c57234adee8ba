"""tfvse: published vision-and-language networks that run again on TensorFlow and Keras."""

__version__ = "0.2.0"
