"""The version of the whole project. It is written here alone; `make format` carries it on."""

VERSION = "0.1.0"
