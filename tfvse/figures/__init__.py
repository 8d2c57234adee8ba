"""PNG files for people: contact sheets, training curves, maps beside the ground truth."""
