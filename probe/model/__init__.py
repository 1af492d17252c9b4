"""The nouns: frozen records and closed vocabularies. They know nothing of any other room."""
