"""Who asked: the request, the session, the user and the tenant that an operation works for.

Said by the program (:func:`identify`), by W3C baggage or by HTTP headers. On spans and usage events; on metrics only a
tenant, and only where the operator allows it.
"""

from paddle_otel.identity.configured import metric_tenant
from paddle_otel.identity.current import current_identity
from paddle_otel.identity.identifying import identify
from paddle_otel.identity.identity import Identity
from paddle_otel.identity.web_hooks import asgi_request_hook, wsgi_request_hook

__all__ = ["Identity", "asgi_request_hook", "current_identity", "identify", "metric_tenant", "wsgi_request_hook"]
