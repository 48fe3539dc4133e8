"""Where files live: media behind permission-checked views, static files behind WhiteNoise."""

from contextlib import suppress

from hitlsite.settings import env
from hitlsite.settings.base import BASE_DIR, DATA_DIR

MEDIA_ROOT = DATA_DIR / "media"
S3_BUCKET = env.text("S3_BUCKET")


def bucket_storage(bucket):
    """Return the storage of media in a bucket."""
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": env.text("S3_ENDPOINT_URL") or None,
            "default_acl": "private",
            "querystring_auth": True,
            "querystring_expire": 300,
            # Names are hashes of contents: a second store of a name writes the same bytes, where
            # a new name would make an object that nothing points at and nothing deletes.
            "file_overwrite": True,
        },
    }


_folder = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"location": str(MEDIA_ROOT)},
}
STORAGES = {
    "default": bucket_storage(S3_BUCKET) if S3_BUCKET else _folder,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Files are served straight from the apps' folders, so that no collectstatic stands between a
# checkout and its first page; a proxy may serve STATIC_ROOT instead.
WHITENOISE_USE_FINDERS = True
with suppress(OSError):  # an unwritable data folder is named by a check of its own
    STATIC_ROOT.mkdir(exist_ok=True)

CACHE_DIR = DATA_DIR / "cache"
SCRATCH_DIR = DATA_DIR / "scratch"
EXPORT_DIR = DATA_DIR / "exports"
# Where runs train; what they make is moved into storage at their end.
TRAINING_DIR = DATA_DIR / "training"

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
_redis = env.text("REDIS_URL")
if _redis:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _redis,
    }
