"""Which models play which roles: endpoints, recordings and budgets put together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..llm import Budget, Budgeted, ChatModel, OpenAIModel, Price, Recorder, Reply, Request
from .roles import ROLES, role_of


@dataclass(frozen=True)
class Endpoint:
    """Where models are asked.

    Attributes:
        model: its name there. roles: other models for some roles.
        max_reply_tokens: where a model that does not come to an end is cut off.
        base_url, api_key_env, concurrency, timeout_s, price: as of `OpenAIModel`.
    """

    model: str
    base_url: str
    api_key_env: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = 16
    timeout_s: float = 600.0
    max_reply_tokens: int = 16384
    price: Price | None = None

    def __post_init__(self) -> None:
        """Refuse a role that there is not.

        Raises:
            ValueError: there is none of that name.
        """
        unknown = sorted(self.roles.keys() - ROLES.keys())
        if unknown:
            raise ValueError(f"expected roles of {', '.join(ROLES)}, found {', '.join(unknown)}")


class _ByRole:
    """Several models as one: the role in a request's purpose says which is asked."""

    def __init__(self, models: Mapping[str, ChatModel], default: ChatModel, max_tokens: int) -> None:
        self.name = default.name
        self._models = models
        self._default = default
        self._max_tokens = max_tokens

    def complete(self, request: Request) -> Reply:
        """Return the reply of the role's model."""
        model = self._models.get(role_of(request.purpose), self._default)
        return model.complete(replace(request, max_tokens=self._max_tokens))


@contextlib.contextmanager
def asked_at(endpoint: Endpoint, recording: Path, budget: Budget) -> Iterator[ChatModel]:
    """Give the model that plays all roles for the length of a run.

    Every reply is written to `recording` as it comes, and what is there already is not asked again.

    Raises:
        ModelError: the endpoint can't be used, or another process writes to the recording.
    """
    with contextlib.ExitStack() as opened:
        asked: dict[str, ChatModel] = {}
        for name in {endpoint.model, *endpoint.roles.values()}:
            model = OpenAIModel(
                name,
                endpoint.base_url,
                endpoint.api_key_env,
                timeout_s=endpoint.timeout_s,
                concurrency=endpoint.concurrency,
                price=endpoint.price,
            )
            opened.callback(model.close)
            asked[name] = Budgeted(model, budget)
        roles = {role: asked[name] for role, name in endpoint.roles.items()}
        by_role = _ByRole(roles, asked[endpoint.model], endpoint.max_reply_tokens)
        yield opened.enter_context(Recorder(by_role, recording))
