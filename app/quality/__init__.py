"""What labels and recorded incidents say of the detectors, what follows from that, and runs over the past."""
