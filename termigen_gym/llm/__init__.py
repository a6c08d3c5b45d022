"""Chat models behind one protocol: any OpenAI-compatible endpoint, scripted replies, recorded runs.

    with OpenAIModel("qwen", "http://127.0.0.1:8000/v1", api_key_env="") as endpoint, Recorder(endpoint, path) as model:
        model.complete(Request("task-0003/solver/0", ({"role": "user", "content": "Hello"},))).text

The packages of the extra ``llm`` are needed, and loaded, where an OpenAIModel is made.
"""

from .base import ChatModel, Reply, Request, ToolCall, Usage
from .budget import Budget, Budgeted
from .cassette import Cassette, Recorder
from .openai import OpenAIModel, Price
from .scripted import Scripted

__all__ = [
    "Budget",
    "Budgeted",
    "Cassette",
    "ChatModel",
    "OpenAIModel",
    "Price",
    "Recorder",
    "Reply",
    "Request",
    "Scripted",
    "ToolCall",
    "Usage",
]
