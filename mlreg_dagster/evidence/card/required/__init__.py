"""What each section requires, one module a section. The interface is in `requirements`, the list in `catalogue`."""
