"""What the tests of the doctor do to tables, and what it misses then."""

import duckdb


def misses(findings):
    return {name for name, finding in findings.items() if finding.state == "miss"} - {"disk"}


def sql(home, *statements):
    with duckdb.connect(str(home.warehouse.path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in statements:
            connection.execute(statement)
    home.warehouse.mirror_again()  # what is damaged is the tables, not how they are mirrored
