import pytest

from export_assets.tables.sensitive import sensitive_kind

PERSONAL = """
email Email EMAIL e_mail e-mail EMailAddress emailAddress customer_email email_1 contactEmail
mail user_email_address email_hash phone phone_number PhoneNumber home_phone mobile mobile_phone
mobileNumber msisdn telephone tel telefon fax ssn SSN social_security_number passport
passport_no national_id birth_date date_of_birth dob DOB birthday birthYear geburtsdatum address
address2 street_address zip ZipCode postal_code postcode Straße PLZ adresse first_name FirstName
lastname LAST_NAME full_name surname Prénom Vorname nachname apellidos iban IBAN account_number
card_number creditCardNumber cvv salary base_salary gehalt ip ip_address client_ip ipv4
IPAddress remote_addr mac_address latitude longitude lat lng gps_position gender religion
nationality marital_status diagnosis medical_record health health_insurance blood_type allergies
address_line_1 tax_id passport_id email_id emailaddr homephone contact_no tax_number steuer_id
aadhaar codice_fiscale mrn license_plate dateofbirth bday born_on lname fname given_names
next_of_kin emergency_contact contact_person policyholder_name account_no acct_num cc_number bic
annual_income credit_score imsi bmi heart_rate prescription citizenship ethnic_group
political_party union_member criminal_record passwd pwd private_key ssh_key credentials
passphrase pw_hash totp_seed
"""

PLAIN = """
id name title total emails_sent_count email_count email_verified email_sent_at is_email_public
has_phone phone_model phone_type num_addresses address_id memory_address bus_address base_address
mailing_list_id mobile_app_version zip_file zip_path health_check health_status health_url
street_view_id description note created_at status amount currency username skip ship ripple
equip template latency flat platform lateral longest salary_currency email_template
phone_os mail_server mobile_friendly ip_version count_birth passwordless cell_voltage
dobby addressed phonetic telemetry surrogate lattice nameplate unisex essex sexagesimal
timestamp cgm_reading raw_event_data seq_num phone_case_sku phone_plan street_price
medical_supplies_qty passport_control_lane wage_growth_pct birthday_discount_pct lat_bin
addr_mode cache_addr account_name card_type gpio_pin pin_count short longest net_income
otp_enabled pwd_changed_at credential_id hot_water_bottle
"""


@pytest.mark.parametrize("name", PERSONAL.split())
def test_names_of_personal_values_are_known(name: str) -> None:
    assert sensitive_kind(name) is not None


@pytest.mark.parametrize("name", PLAIN.split())
def test_names_of_other_things_are_let_be(name: str) -> None:
    assert sensitive_kind(name) is None


@pytest.mark.parametrize("declared", ["inet", "CIDR", "macaddr", "EMAIL"])
def test_a_declared_type_may_say_it_where_the_name_does_not(declared: str) -> None:
    assert sensitive_kind("seen_from", declared) is not None
    assert sensitive_kind("seen_from", "text") is None


def test_spaces_and_odd_characters_part_words() -> None:
    assert sensitive_kind("E-Mail Adresse") == "e-mail"
    assert sensitive_kind("") is None
    assert sensitive_kind("名前") is None
