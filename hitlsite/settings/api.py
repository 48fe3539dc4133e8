"""The REST API: authentication, throttles, one error envelope, a schema served without a CDN."""

from hitlsite.settings import env

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First, because its challenge makes a missing or revoked credential a 401, not a 403.
        "knox.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    # Uploads, which are multipart, say so themselves.
    "DEFAULT_PARSER_CLASSES": ["hitlsite.api.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.text("API_THROTTLE_ANONYMOUS", "30/min"),
        "user": env.text("API_THROTTLE_USER", "6000/min"),
    },
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "hitlsite.api_errors.exception_handler",
}
REST_KNOX = {
    "TOKEN_TTL": None,  # a device's token lives until somebody revokes it
    "TOKEN_LIMIT_PER_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Second Look",
    "DESCRIPTION": "Uploads, review and exports of camera incidents.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",  # what follows it names the group
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_AUTHENTICATION": ["rest_framework.authentication.SessionAuthentication"],
    # Its validator is another server, which would be told the address of every schema.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "ItemStatusEnum": "review.models.TrainingItem.Status",
        "CategoryEnum": "detection.models.Incident.Category",
        "VerdictEnum": "review.models.Decision.Verdict",
        "VerdictGivenEnum": "review.services.verdicts.GIVEN_CHOICES",
        "RejectReasonEnum": "review.models.Decision.Reason",
        "MarkReasonEnum": "review.models.Mark.Reason",
        "IncidentOriginEnum": "detection.models.Incident.Origin",
        "PhotoOriginEnum": "detection.models.Photo.Origin",
        "UploadKindEnum": "detection.services.uploads.KINDS",
        "UploadStateEnum": "detection.services.uploads.STATES",
        "TrainableSlotEnum": "training.api.datasets.SLOT_NAMES",
        "WorkStateEnum": "hitlsite.models.Leased.State",
    },
}
