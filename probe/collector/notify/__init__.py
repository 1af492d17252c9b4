"""Alerts: which subscription is told of what, in which words, and the delivery of messages, once each."""
