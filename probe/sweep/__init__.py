"""Measure a register of up to millions of targets once, or again and again, from one host (`probe sweep`)."""
