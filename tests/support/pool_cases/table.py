"""The table of pools that must be refused: judged alike by the operator's types and a real API server."""

from support.pool_cases.runners import BAD_RUNNERS
from support.pool_cases.servers import BAD_SERVERS
from support.pool_cases.sizes import BAD_SIZES
from support.pool_cases.templates import BAD_TEMPLATES

BAD_POOLS = [*BAD_SERVERS, *BAD_SIZES, *BAD_RUNNERS, *BAD_TEMPLATES]
