"""What agents send: enrolment, batches, limits on both, and how a batch is applied to the store."""
