"""What people look at: contact sheets, training curves, maps beside the ground truth, as PNGs."""
