"""Every error that termigen-gym raises.

    TermigenError
    ├── TaskError             a task folder, family or MANIFEST is malformed; names file, field, expected, found
    ├── SandboxError          an engine or a sandbox failed (ours, never the agent's)
    │   ├── EngineMissing     no engine answers, or the one asked for does not; says what to install
    │   ├── BuildError        an image does not build; carries the step and its last lines
    │   ├── SandboxDied       the sandbox went away in mid-episode (engine stopped, container killed, disk full)
    │   └── TooLarge          more is in the sandbox than may be taken out of it
    ├── TerminalError         the terminal session could not be opened or kept
    ├── VerifierError         the verdict could not be had
    │   ├── RewardMissing     the tests left no reward
    │   ├── RewardEmpty       they left an empty one
    │   ├── RewardMalformed   they left something else than a number
    │   ├── RewardOutOfRange  they left a number that is not from 0 to 1
    │   ├── VerifierCrashed   they were killed or could not be run, and left no reward
    │   └── VerifierTimeout   they did not end within their time limit
    ├── StoreError            an episode store is damaged or of another schema
    │   └── DiskFull          the disk takes no more; nothing of what was to be written is left
    ├── ModelError            a model's endpoint, checkpoint or recording failed
    │   ├── ModelRefused      the endpoint refuses what it is asked, and will again: key, address, name of the model
    │   ├── ModelUnavailable  no attempt brought a reply; the run can be resumed
    │   ├── RequestFailed     the endpoint answers others, but not this request
    │   ├── ContextExceeded   a conversation is longer than the model takes
    │   └── BudgetSpent       what may be spent on a model is spent
    ├── AgentError            there is no such agent, or it does not take the options it was given
    └── ActionError           an action outside the action space was given to ``step`` (also a ValueError)

A failure of ours is recorded as ``error`` on the episode. It is never turned into reward 0.
"""

from __future__ import annotations


class TermigenError(Exception):
    """Base of all errors of this package. Its text says what was expected, what was found, what to do next."""


class TaskError(TermigenError):
    """A task folder is malformed."""


class SandboxError(TermigenError):
    """An engine or a sandbox failed."""


class EngineMissing(SandboxError):
    """The engine is not installed or does not answer."""


class BuildError(SandboxError):
    """An image does not build."""


class SandboxDied(SandboxError):
    """The sandbox went away while it was in use."""


class TooLarge(SandboxError):
    """What was asked for has more bytes, or more files, than may be taken out of a sandbox."""


class TerminalError(TermigenError):
    """The terminal session could not be opened or kept."""


class VerifierError(TermigenError):
    """The verdict could not be had; the episode has no reward."""


class RewardMissing(VerifierError):
    """The tests ended without leaving a reward."""


class RewardEmpty(VerifierError):
    """The tests left an empty reward file."""


class RewardMalformed(VerifierError):
    """The tests left a reward that is no number."""


class RewardOutOfRange(VerifierError):
    """The tests left a number that is not from 0 to 1."""


class VerifierCrashed(VerifierError):
    """The tests were killed by a signal, or could not be run at all, and left no reward."""


class VerifierTimeout(VerifierError):
    """The tests did not end within their time limit."""


class StoreError(TermigenError):
    """An episode store is damaged, locked, or of another schema version."""


class DiskFull(StoreError):
    """The disk takes no more."""


class ModelError(TermigenError):
    """A model's endpoint, checkpoint or recording failed."""


class ModelRefused(ModelError):
    """The endpoint refuses what it is asked. Asking again won't help: the run must stop and be set right."""


class ModelUnavailable(ModelError):
    """No attempt brought a reply: the endpoint is down, overloaded or answers nonsense. The run can be resumed."""


class RequestFailed(ModelError):
    """The endpoint answers others, but not this request: only what needed its answer has failed."""


class ContextExceeded(ModelError):
    """A conversation is longer than the model takes. A shorter one may be asked."""


class BudgetSpent(ModelError):
    """The tokens or dollars that a run may spend on its models are spent. It can be resumed with a larger budget."""


class AgentError(TermigenError):
    """An agent's name, class or options can't be used."""


class ActionError(TermigenError, ValueError):
    """An action is not in the action space."""
