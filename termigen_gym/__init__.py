"""termigen-gym: verifiable terminal tasks as Gymnasium environments.

    import gymnasium as gym, termigen_gym
    env = gym.make("termigen/<id>-v0")

Importing this package registers the environments; it loads nothing heavier than gymnasium.
"""

from .registration import register_all, task_ids

__version__ = "0.1.0"
__all__ = ["__version__", "register_all", "task_ids"]

register_all()
