"""Invented rows of the application, generation by generation; the same seed gives the same rows."""

import json
import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from export_assets.systems.sqlite_sample import Row

SIGNS: Final = ("aries", "taurus", "gemini", "cancer", "leo", "virgo", "libra", "scorpio")
PLANETS: Final = ("Sun", "Moon", "Mercury", "Venus", "Mars", "Jupiter", "Saturn", "Pluto")
ASPECTS: Final = ("conjunction", "square", "trine", "sextile", "opposition")
_FIRST: Final = ("Ada", "Björn", "Chloé", "Đorđe", "Emre", "Fátima", "Grace", "美咲", "Nína", "")
_LAST: Final = ("Almeida", "Björnsdóttir", "O'Neill", "de la Cruz", "Łukasik", "佐藤", "Öztürk")
_PLACES: Final = (
    ("New York", "NY", "USA", 40.7128, -74.006, "America/New_York", -300),
    ("Zürich", None, "Switzerland", 47.3769, 8.5417, "Europe/Zurich", 60),
    ("São Paulo", "SP", "Brazil", -23.5505, -46.6333, "America/Sao_Paulo", -180),
    ("東京", "", "日本", 35.0, 139.6917, "Asia/Tokyo", 540),
    (None, None, None, 0.0, -0.1276, "UTC", 0),
)
_TEXTS: Final = (
    "A steady hand, and patience with it.",
    "Two lines,\nthe second with a comma, and a semicolon; too.",
    'She said: "not yet", and went on.',
    "Größe, naïveté, 星, and an emoji: 🌙.",
    "Tabs\tand\r\nWindows line ends.",
)
_START: Final = datetime(2025, 1, 6, 8, 0, tzinfo=UTC)


class Inventor:
    """Invents the rows of every table, in an order in which all references exist already."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - sample data, no secret
        self._clock = _START

    def tables(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield every table with its rows, with the columns of the earlier generation.

        A column of the later generation alone comes besides.
        """
        clients = [self._client(number) for number in range(200)]
        births = [self._birth(str(self._pick(clients)["id"])) for _ in range(300)]
        charts = [self._chart(number, self._pick(births)) for number in range(400)]
        yield "clients", clients
        yield "birth_data", births
        yield "charts", charts
        yield "chart_interpretations", [self._about(self._pick(charts)) for _ in range(1_200)]
        yield "interpretations", [self._interpretation(number) for number in range(4_000)]
        yield "aspect_patterns", [self._pattern(self._pick(charts)) for _ in range(300)]
        yield "transit_events", [self._transit(self._pick(charts)) for _ in range(800)]
        yield "session_notes", [self._note(self._pick(clients)) for _ in range(250)]
        yield "location_cache", [self._location(number) for number in range(len(_PLACES))]
        yield "app_config", [self._config()]
        yield "user_preferences", [self._preferences()]

    def _pick(self, rows: Sequence[Row]) -> Row:
        return self._chance.choice(rows)

    def _row(self, **values: object) -> Row:
        """Return a row with an id and the two times of every table."""
        made = self._tick()
        changed = made + timedelta(minutes=self._chance.randrange(0, 9_000))
        return {
            "id": str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
            **values,
            "created_at": made.strftime("%Y-%m-%dT%H:%M:%S.%f"),
            "updated_at": changed.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        }

    def _tick(self) -> datetime:
        self._clock += timedelta(seconds=self._chance.randrange(1, 4_000), microseconds=137)
        return self._clock

    def _text(self, length: int) -> str:
        texts = [self._chance.choice(_TEXTS) for _ in range(length)]
        return " ".join(texts)

    def _day(self) -> str:
        return (date(2025, 1, 1) + timedelta(days=self._chance.randrange(600))).isoformat()

    def _client(self, number: int) -> Row:
        return self._row(
            first_name=self._chance.choice(_FIRST),
            last_name=None if number % 17 == 0 else self._chance.choice(_LAST),
            email=None if number % 5 == 0 else f"client{number}@example.org",
            phone="" if number % 7 == 0 else f"+1 555 {number:04d}",
            notes=None if number % 3 else self._text(1),
        )

    def _birth(self, client: str) -> Row:
        city, state, country, latitude, longitude, zone, offset = self._chance.choice(_PLACES)
        unknown = self._chance.randrange(10) == 0
        minute = self._chance.randrange(24 * 60)
        return self._row(
            client_id=client,
            birth_date=(
                date(1940, 1, 1) + timedelta(days=self._chance.randrange(25_000))
            ).isoformat(),
            birth_time=None if unknown else f"{minute // 60:02d}:{minute % 60:02d}:00",
            time_unknown=int(unknown),
            latitude=latitude,
            longitude=longitude,
            timezone=zone,
            utc_offset=None if zone == "UTC" else offset,
            city=city,
            state_province=state,
            country=country,
            rodden_rating=self._chance.choice(("AA", "A", "B", "C", "X", None)),
            gender=self._chance.choice(("f", "m", "x", None)),
        )

    def _chart(self, number: int, birth: Row) -> Row:
        degrees = {name: round(self._chance.uniform(0, 360), 4) for name in PLANETS}
        listed = [{"name": name, "degree": degree} for name, degree in degrees.items()]
        data = {"planets": degrees if number % 2 else listed, "note": "Häuser nach Placidus"}
        params = (None, "", "null", json.dumps({"orb": 8, "node": "true"}))[number % 4]
        return self._row(
            client_id=None if number % 9 == 0 else birth["client_id"],
            birth_data_id=birth["id"],
            chart_name=(None, "", "Natal, first", "Geburtshoroskop „Ö“")[number % 4],
            chart_type=self._chance.choice(("natal", "transit", "synastry")),
            astro_system="western",
            house_system=self._chance.choice(("placidus", "whole_sign", None)),
            ayanamsa=None,
            zodiac_type="tropical",
            calculation_params=params,
            chart_data=json.dumps(data, ensure_ascii=number % 3 == 0),
            last_viewed=f"{self._day()}T10:00:00.{number:06d}" if number % 2 else None,
        )

    def _about(self, chart: Row) -> Row:
        key = f"{self._chance.choice(PLANETS).lower()}_in_{self._chance.choice(SIGNS)}"
        return self._row(
            chart_id=chart["id"],
            element_type="planet",
            element_key=key,
            element_id=key,
            ai_description=self._text(self._chance.randrange(1, 9)),
            ai_model="writer-1",
            ai_prompt_version=self._chance.choice(("1.0", "1.1", None)),
            version=self._chance.randrange(1, 4),
            is_approved=self._chance.choice(("pending", "pending", "approved", "rejected", None)),
        )

    def _interpretation(self, number: int) -> Row:
        return self._row(
            interpretation_type="planet_in_sign",
            key_identifier=f"{PLANETS[number % 8].lower()}_in_{SIGNS[number // 8 % 8]}_{number}",
            tradition=self._chance.choice(("modern", "hellenistic", None)),
            text_content=self._text(1 + number % 4),
            source=None if number % 6 else "The Book, vol. 2",
            is_user_custom=int(number % 10 == 0),
        )

    def _pattern(self, chart: Row) -> Row:
        names = self._chance.sample(PLANETS, self._chance.randrange(0, 5))
        return self._row(
            chart_id=chart["id"],
            pattern_type=self._chance.choice(("t_square", "grand_trine", "yod")),
            planets_involved=json.dumps(names),
            description=self._chance.choice((None, "", self._text(1))),
        )

    def _transit(self, chart: Row) -> Row:
        return self._row(
            chart_id=chart["id"],
            event_date=self._day(),
            transiting_planet=self._chance.choice((*PLANETS, None)),
            natal_planet=self._chance.choice((*PLANETS, None)),
            aspect_type=self._chance.choice(ASPECTS),
            orb=self._chance.choice((None, round(self._chance.uniform(0, 3), 2))),
            is_applying=self._chance.choice((0, 1, None)),
        )

    def _note(self, client: Row) -> Row:
        content = self._chance.choice((None, "", " \n\t", self._text(1), self._text(5)))
        return self._row(client_id=client["id"], note_date=self._day(), note_content=content)

    def _location(self, number: int) -> Row:
        city, state, country, latitude, longitude, zone, _ = _PLACES[number]
        return self._row(
            city_name=city or "Null Island",
            state_province=state,
            country=country or "",
            latitude=latitude,
            longitude=longitude,
            timezone=zone,
            geonames_id=5_128_581 + number,
        )

    def _config(self) -> Row:
        # No real hash of anything, but it looks like one, so that a leak of it would be seen.
        invented = f"$2b$12${self._chance.getrandbits(180):045x}"
        return self._singleton(password_hash=invented, app_version="2.4.1", database_version=7)

    def _preferences(self) -> Row:
        return self._singleton(
            default_house_system="placidus",
            default_ayanamsa="lahiri",
            default_zodiac="tropical",
            color_scheme="dark",
            aspect_orbs=json.dumps({"square": 7.5, "trine": 8}),
            displayed_points=None,
        )

    def _singleton(self, **values: object) -> Row:
        times = {name: f"{self._tick():%Y-%m-%d %H:%M:%S}" for name in ("created_at", "updated_at")}
        return {"id": 1, **values, **times}
