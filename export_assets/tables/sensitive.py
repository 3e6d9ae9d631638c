"""Which column names look as if their values said something of a person.

Names only, and declared types that can hold nothing else: values are not looked at. A name is taken
apart into words (`emailAddress`, `E-MAIL_ADDRESS` and `email address` are the same two), accents
and case do not count. It looks personal where it holds one of the phrases below, unless its words
say that it is about something else: `emails_sent_count` is a number, `phone_model` a model,
`has_address` yes or no, `memory_address` nobody's.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_PHRASES: dict[str, str] = {
    "e-mail": "email | e mail | mail | mails | emails | email id | mailaddress | emailaddress |"
    " courriel | correo | correo electronico |"
    " emailaddr",
    "phone": "phone | phones | telephone | mobile | cellphone | cell phone | cell number | msisdn |"
    " fax | tel | telefon | telefono | handynummer | phonenumber | mobilenumber |"
    " homephone | mob no | mob number | contact no | contact number | whatsapp",
    "identity number": "ssn | social security | social insurance | passport | national id |"
    " nationalid | tax id | taxid | driver license | driver licence | drivers license |"
    " drivers licence | driving licence | dni | cpf | nino | personnummer | ausweis |"
    " personalausweis | steuernummer | id card | identity number | identity card |"
    " tax number | tax no | steuer id | sozialversicherungsnummer | svnr | aadhaar | aadhar |"
    " nif | pesel | bsn | curp | codice fiscale | insurance number | nhs number | mrn |"
    " medical record number | license plate | licence plate",
    "birth": "dob | birth | birthday | birthdate | birthyear | birthplace | geburtsdatum |"
    " geburtstag | fecha nacimiento | nacimiento | naissance |"
    " dateofbirth | bday | born on",
    "address": "address | addresses | addr | street | zip | zipcode | postal | postcode |"
    " postalcode | strasse | plz | hausnummer | house number | adresse | direccion | codigo postal",
    "name": "first name | firstname | last name | lastname | full name | fullname | surname |"
    " middle name | middlename | maiden name | given name | family name | forename | vorname |"
    " nachname | apellido | apellidos | prenom | nom famille | patient name | customer name |"
    " contact name | employee name | person name | holder name | cardholder | real name |"
    " lname | fname | nickname | given names | legal name | next of kin | emergency contact |"
    " contact person | policy holder | policyholder | guest name | cust name | fathers name |"
    " father name | mothers name | mother name",
    "bank or card": "iban | account number | bank account | routing number | sort code |"
    " card number | cardnumber | credit card | creditcard | debit card | cvv | cvc |"
    " kontonummer | kreditkarte | pin code |"
    " account no | acct no | acct num | acctno | cc number | ccnum | bic",
    "pay": "salary | salaries | wage | wages | payroll | gehalt | lohn | salaire | salario |"
    " annual income | monthly income | household income | net worth | credit score",
    "credential": "passwd | pwd | passphrase | pass phrase | private key | ssh key | credential |"
    " credentials | otp | totp | pw hash",
    "network address": "ip | ipv | ipaddress | ipaddr | mac address | macaddr | imei |"
    " imsi | iccid",
    "place": "latitude | longitude | lat | lng | lon | gps | geolocation",
    "health": "health | medical | diagnosis | diagnoses | blood type | blood group | disability |"
    " allergy | allergies | medication | pregnancy | hiv |"
    " bmi | heart rate | blood pressure | prescription | prescriptions | vaccination",
    "personal trait": "gender | sex | religion | ethnicity | nationality | marital status |"
    " sexual orientation |"
    " citizenship | ethnic group | ethnic origin | political party |"
    " political affiliation | union member | trade union | criminal record | sexual preference |"
    " biometric | biometrics",
}

_TYPES = {
    "inet": "network address",
    "cidr": "network address",
    "macaddr": "network address",
    "macaddr8": "network address",
    "email": "e-mail",
    "inet4": "network address",
    "inet6": "network address",
}
"""Declared types whose values are of one kind whatever the column is called."""


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# After the phrase: what is told is something about it, not the thing itself.
_ABOUT = _listed(
    "count counts total model type types kind version enabled disabled verified valid validated"
    " sent status state at on template subject opened clicked bounced format length size rate"
    " score check file path url endpoint server host port provider carrier currency policy config"
    " settings flag required optional visible public changed updated created id ids key width"
    " height index order os app ratio bounces campaign domain"
    " pct percent plan case sku qty quantity supplies growth bin bins mode lane price discount"
)
# Before the phrase: yes or no, or a number.
_WHETHER = _listed("is has had can num n nr count total allow allows show needs no without")
# Before `address`, `ip` and `street`: of a machine or a building plan.
_THINGS = _listed(
    "memory bus register base i2c start end return token contract virtual physical offset code"
    " byte wall easy cache"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def _table() -> dict[tuple[str, ...], str]:
    return {
        tuple(phrase.split()): kind
        for kind, phrases in _PHRASES.items()
        for phrase in phrases.split("|")
    }


_KINDS = _table()
_LONGEST = max(map(len, _KINDS))


@lru_cache(maxsize=4096)
def sensitive_kind(name: str, declared: str = "") -> str | None:
    """Return what the column called *name* seems to say of people, None where it seems nothing.

    Args:
        name: The column's name.
        declared: Its type as the source declares it.
    """
    by_type = _TYPES.get(declared.casefold().partition("(")[0].strip())
    if by_type is not None:
        return by_type
    words = tuple(_words(name))
    for length in range(min(_LONGEST, len(words)), 0, -1):
        for start in range(len(words) - length + 1):
            kind = _KINDS.get(words[start : start + length])
            if kind is not None and not _is_about(words, start, start + length, kind):
                return kind
    return None


def _words(name: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    plain = plain.encode("ascii", "ignore").decode("ascii")
    found = [word.casefold() for word in _WORD.findall(plain)]
    for index, word in enumerate(found):
        # `address2` and `phone_1` are one of several.
        if not (word.isdigit() and index):
            yield word


def _is_about(words: tuple[str, ...], start: int, end: int, kind: str) -> bool:
    """Whether the other words say that the values are not the thing that the phrase names."""
    before, after = words[:start], words[end:]
    about = _ABOUT if kind != "identity number" else _ABOUT - {"id", "ids", "key"}
    if after and (after[-1] in about or after[0] in about):
        return True
    if before and before[0] in _WHETHER:
        return True
    if kind in {"address", "network address", "health"} and before and before[-1] in _THINGS:
        return True
    # A mail or a mobile of something: only where nothing else is named is it the address itself.
    return words[start:end] in {("mail",), ("mobile",), ("health",), ("ip",)} and bool(
        after and after[0] not in {"address", "number", "addr", "no", "insurance", "record", "data"}
    )
