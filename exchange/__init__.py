"""Files in and out of every room: readers, published studies, records, their commands and pages."""
