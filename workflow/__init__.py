FRONT = "COMPANION_FRONT"
"""Environment variable with the process id of the front door, without which its steps have nobody to work for."""
