"""The two generations of the application's database, as it creates them itself."""

import sqlite3
from contextlib import closing
from functools import cache
from typing import Final, Literal

from export_assets.sources.sqlite_catalog import CatalogTable, read_catalog

Generation = Literal[1, 2]

_STAMPS: Final = "created_at TEXT NOT NULL, updated_at TEXT NOT NULL"

_EARLIER: Final = f"""
CREATE TABLE clients (
    id TEXT PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, phone TEXT, notes TEXT,
    {_STAMPS});
CREATE TABLE birth_data (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    birth_date TEXT NOT NULL, birth_time TEXT, time_unknown INTEGER NOT NULL DEFAULT 0,
    latitude REAL NOT NULL, longitude REAL NOT NULL, timezone TEXT NOT NULL, utc_offset INTEGER,
    city TEXT, state_province TEXT, country TEXT, rodden_rating TEXT, gender TEXT, {_STAMPS});
CREATE TABLE charts (
    id TEXT PRIMARY KEY,
    client_id TEXT REFERENCES clients (id) ON DELETE CASCADE,
    birth_data_id TEXT NOT NULL REFERENCES birth_data (id) ON DELETE CASCADE,
    chart_name TEXT, chart_type TEXT NOT NULL, astro_system TEXT NOT NULL, house_system TEXT,
    ayanamsa TEXT, zodiac_type TEXT NOT NULL, calculation_params TEXT, chart_data TEXT NOT NULL,
    last_viewed TEXT, {_STAMPS});
CREATE TABLE chart_interpretations (
    id TEXT PRIMARY KEY,
    chart_id TEXT NOT NULL REFERENCES charts (id) ON DELETE CASCADE,
    element_type TEXT NOT NULL, element_key TEXT NOT NULL, ai_description TEXT NOT NULL,
    ai_model TEXT, ai_prompt_version TEXT, version INTEGER NOT NULL DEFAULT 1,
    is_approved TEXT DEFAULT 'pending', {_STAMPS});
CREATE TABLE interpretations (
    id TEXT PRIMARY KEY, interpretation_type TEXT NOT NULL, key_identifier TEXT NOT NULL,
    tradition TEXT, text_content TEXT NOT NULL, source TEXT,
    is_user_custom INTEGER NOT NULL DEFAULT 0, {_STAMPS});
CREATE TABLE aspect_patterns (
    id TEXT PRIMARY KEY,
    chart_id TEXT NOT NULL REFERENCES charts (id) ON DELETE CASCADE,
    pattern_type TEXT NOT NULL, planets_involved TEXT NOT NULL, description TEXT, {_STAMPS});
CREATE TABLE transit_events (
    id TEXT PRIMARY KEY,
    chart_id TEXT NOT NULL REFERENCES charts (id) ON DELETE CASCADE,
    event_date TEXT NOT NULL, transiting_planet TEXT, natal_planet TEXT,
    aspect_type TEXT NOT NULL, orb REAL, is_applying INTEGER, {_STAMPS});
CREATE TABLE session_notes (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    note_date TEXT NOT NULL, note_content TEXT, {_STAMPS});
CREATE TABLE location_cache (
    id TEXT PRIMARY KEY, city_name TEXT NOT NULL, state_province TEXT, country TEXT NOT NULL,
    latitude REAL NOT NULL, longitude REAL NOT NULL, timezone TEXT NOT NULL,
    geonames_id INTEGER UNIQUE, {_STAMPS});
CREATE TABLE app_config (
    id INTEGER PRIMARY KEY CHECK (id = 1), password_hash TEXT, app_version TEXT NOT NULL,
    database_version INTEGER NOT NULL, {_STAMPS});
CREATE TABLE user_preferences (
    id INTEGER PRIMARY KEY CHECK (id = 1), default_house_system TEXT NOT NULL,
    default_ayanamsa TEXT NOT NULL, default_zodiac TEXT NOT NULL, color_scheme TEXT NOT NULL,
    aspect_orbs TEXT, displayed_points TEXT, {_STAMPS});
CREATE VIEW client_summary AS
    SELECT c.id, c.first_name, c.last_name, count(h.id) AS charts
    FROM clients AS c LEFT JOIN charts AS h ON h.client_id = c.id GROUP BY c.id;
CREATE VIEW recent_charts AS
    SELECT id, chart_name, chart_type, last_viewed FROM charts
    WHERE last_viewed IS NOT NULL ORDER BY last_viewed DESC LIMIT 10;
"""  # noqa: S608 - nothing comes from outside

_LATER: Final = f"""
CREATE TABLE birth_data (
    id VARCHAR(36) PRIMARY KEY, birth_date TEXT NOT NULL, birth_time TEXT,
    time_unknown BOOLEAN NOT NULL DEFAULT 0, latitude REAL NOT NULL, longitude REAL NOT NULL,
    timezone TEXT NOT NULL, utc_offset INTEGER, city TEXT, state_province TEXT, country TEXT,
    rodden_rating TEXT, gender TEXT, {_STAMPS});
CREATE TABLE charts (
    id VARCHAR(36) PRIMARY KEY, birth_data_id VARCHAR(36) NOT NULL, chart_name TEXT,
    chart_type TEXT NOT NULL, astro_system TEXT NOT NULL, house_system TEXT, ayanamsa TEXT,
    zodiac_type TEXT NOT NULL, calculation_params TEXT, chart_data TEXT NOT NULL,
    last_viewed TEXT, {_STAMPS});
CREATE TABLE chart_interpretations (
    id VARCHAR(36) PRIMARY KEY, chart_id VARCHAR(36) NOT NULL, element_type TEXT NOT NULL,
    element_id TEXT NOT NULL, ai_description TEXT NOT NULL, is_approved TEXT DEFAULT 'pending',
    {_STAMPS});
CREATE TABLE interpretations (
    id VARCHAR(36) PRIMARY KEY, interpretation_type TEXT NOT NULL, key_identifier TEXT NOT NULL,
    tradition TEXT, text_content TEXT NOT NULL, source TEXT,
    is_user_custom BOOLEAN NOT NULL DEFAULT 0, {_STAMPS});
CREATE TABLE aspect_patterns (
    id VARCHAR(36) PRIMARY KEY, chart_id VARCHAR(36) NOT NULL, pattern_type TEXT NOT NULL,
    planets_involved TEXT NOT NULL, description TEXT, {_STAMPS});
CREATE TABLE transit_events (
    id VARCHAR(36) PRIMARY KEY, chart_id VARCHAR(36) NOT NULL, event_date TEXT NOT NULL,
    transiting_planet TEXT, natal_planet TEXT, aspect_type TEXT NOT NULL, orb REAL,
    is_applying BOOLEAN, {_STAMPS});
CREATE TABLE location_cache (
    id VARCHAR(36) PRIMARY KEY, city_name TEXT NOT NULL, state_province TEXT,
    country TEXT NOT NULL, latitude REAL NOT NULL, longitude REAL NOT NULL,
    timezone TEXT NOT NULL, geonames_id INTEGER UNIQUE, {_STAMPS});
CREATE TABLE app_config (
    id VARCHAR PRIMARY KEY, password_hash TEXT, app_version TEXT NOT NULL,
    database_version INTEGER NOT NULL, {_STAMPS});
CREATE TABLE user_preferences (
    id VARCHAR PRIMARY KEY, default_house_system TEXT NOT NULL, default_ayanamsa TEXT NOT NULL,
    default_zodiac TEXT NOT NULL, color_scheme TEXT NOT NULL, aspect_orbs TEXT,
    displayed_points TEXT, {_STAMPS});
CREATE VIEW recent_charts AS
    SELECT id, chart_name, chart_type, last_viewed FROM charts
    WHERE last_viewed IS NOT NULL ORDER BY last_viewed DESC LIMIT 10;
"""  # noqa: S608 - nothing comes from outside

CREATE: Final[dict[Generation, str]] = {1: _EARLIER, 2: _LATER}


def create_triggers(generation: Generation) -> str:
    """Return the statements for the triggers that keep `updated_at`."""
    return "\n".join(
        f"CREATE TRIGGER {name}_updated_at AFTER UPDATE ON {name} FOR EACH ROW"  # noqa: S608 - our tables
        f" WHEN NEW.updated_at = OLD.updated_at BEGIN UPDATE {name}"
        f" SET updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000' WHERE id = NEW.id; END;"
        for name, table in catalog(generation).items()
        if table.kind == "table"
    )


@cache
def catalog(generation: Generation) -> dict[str, CatalogTable]:
    """Return tables and views of a *generation*, as SQLite describes them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(CREATE[generation])
        return read_catalog(connection)


def both_generations() -> list[CatalogTable]:
    """Return the tables and views of both generations; those in both come twice."""
    return [table for generation in CREATE for table in catalog(generation).values()]
