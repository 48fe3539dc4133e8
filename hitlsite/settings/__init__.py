"""Settings by concern; the environment decides, the defaults run on one machine by themselves."""

from hitlsite.settings.api import *  # noqa: F403
from hitlsite.settings.base import *  # noqa: F403
from hitlsite.settings.captions import *  # noqa: F403
from hitlsite.settings.celery import *  # noqa: F403
from hitlsite.settings.product import *  # noqa: F403
from hitlsite.settings.security import *  # noqa: F403
from hitlsite.settings.storage import *  # noqa: F403
