"""The shared records and closed vocabularies; they import nothing from any other package of the program."""
