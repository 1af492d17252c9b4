"""Intake from agents: enrolment, batches, limits on both, and applying a batch to the store."""
