"""Insert a row by a statement that is composed once, for the rows that every act writes."""

from functools import cache

from django.db import connection


def insert(row):
    """Store a new model instance as ``save(force_insert=True)`` does, and give it its key.

    No signals are sent, and nothing is written of parent models.
    """
    statement, fields = _statement(type(row))
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        (row.pk,) = cursor.fetchone()
    row._state.adding, row._state.db = False, connection.alias


@cache
def _statement(model):
    name, meta = connection.ops.quote_name, model._meta
    fields = [field for field in meta.local_concrete_fields if not field.primary_key]
    columns = ", ".join(name(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {name(meta.db_table)} ({columns}) VALUES ({places}) RETURNING"
    return f"{sql} {name(meta.pk.column)}", fields
