"""What decorators of this project share: they take plain functions, coroutines and generators of both kinds."""

from paddle_otel.decorators.functions import Decorator
from paddle_otel.decorators.observation import Observation

__all__ = ["Decorator", "Observation"]
