"""Log lines that carry the request's or the job's id, as text or as JSON."""

import contextvars
import json
import logging

current_id = contextvars.ContextVar("current_id", default="-")


class IdsFilter(logging.Filter):
    def filter(self, record):
        record.request_id = current_id.get()
        return True


class JsonFormatter(logging.Formatter):
    def format(self, record):
        line = {
            "at": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "id": getattr(record, "request_id", "-"),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
