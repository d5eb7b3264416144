"""What one control plane and the touched hosts say, as frozen values."""
