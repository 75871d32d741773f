from lib.explainers.scores import network_input

__all__ = ["network_input"]
