"""Tests about the house itself: its files, names, dependencies, documents and set-up."""
