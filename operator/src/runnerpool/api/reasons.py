"""The closed list of reasons: one word, the same in status, event, metric and log."""

from enum import StrEnum, unique


@unique
class Reason(StrEnum):
    """Why a decision was made or a condition holds."""

    # Sizing decisions
    JOBS_PENDING = "JobsPending"
    AT_CAP = "AtMaxReplicas"
    AT_FLOOR = "AtMinReplicas"
    STEADY = "Steady"
    SLOTS_IDLE = "SlotsIdle"
    LOOK_AHEAD = "LookAhead"
    QUEUE_UNKNOWN = "QueueUnknown"
    MODE_HOLD = "ModeHold"
    MODE_DRAIN = "ModeDrain"
    POOL_DELETED = "PoolDeleted"

    # Steps
    SCALE_UP = "ScaleUp"
    SCALE_DOWN = "ScaleDown"
    RESERVED = "Reserved"
    GATED = "Gated"
    REGISTRATION_OVERDUE = "RegistrationOverdue"
    DRAIN_TIMEOUT = "DrainTimeout"
    DRAIN_ORDERED = "DrainOrdered"
    UNREADY = "Unready"
    STARTUP_OVERDUE = "StartupOverdue"
    DRAINED = "Drained"
    DRAIN_CUT = "DrainCut"
    POD_FAILED = "PodFailed"
    POD_SEEN = "PodSeen"
    GHOST = "Ghost"

    # Conditions
    ALL_WELL = "AllWell"
    SPEC_INVALID = "SpecInvalid"
    SPEC_VALID = "SpecValid"
    QUEUE_READ = "QueueRead"
    SERVER_UNREACHABLE = "ServerUnreachable"
    SERVER_TIMEOUT = "ServerTimeout"
    TLS_ERROR = "TLSError"
    RATE_LIMITED = "RateLimited"
    INVALID_RESPONSE = "InvalidResponse"
    SERVER_ERROR = "ServerError"
    REDIRECTED = "Redirected"
    WRONG_HOST = "WrongHost"
    LOGGED_IN = "LoggedIn"
    CREDENTIALS_REJECTED = "CredentialsRejected"
    INSUFFICIENT_RIGHTS = "InsufficientRights"
    OTP_REQUIRED = "OtpRequired"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105
    SECRET_FOR_ANOTHER_ORIGIN = "SecretForAnotherOrigin"  # noqa: S105
    NOT_YET_READ = "NotYetRead"
    WITHIN_BOUNDS = "WithinBounds"
    CREATE_REFUSED = "CreateRefused"
    QUOTA_EXCEEDED = "QuotaExceeded"
    POD_SECURITY_VIOLATION = "PodSecurityViolation"
    INVALID_POD_TEMPLATE = "InvalidPodTemplate"
    FORBIDDEN = "Forbidden"
    REGISTRATION_FAILED = "RegistrationFailed"
    RECONCILE_ERROR = "ReconcileError"
    RUNNERS_READY = "RunnersReady"
    RUNNERS_UNREADY = "RunnersUnready"
    NO_RUNNERS = "NoRunners"
    STILL_WORKING = "StillWorking"

    # Kubernetes API
    NOT_FOUND = "NotFound"
    NAME_TAKEN = "NameTaken"
    CONFLICT = "Conflict"
    API_SERVER_UNAVAILABLE = "ApiServerUnavailable"
    WAITING_FOR_SERVER = "WaitingForServer"
