"""English names of countries by ISO 3166 code, and titles of services from the shipped catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from probe.errors import ProbeError
from probe.lists import catalogue
from probe.lists.service import Service
from probe.settings import paths

_TABLE = """
AD Andorra, AE the United Arab Emirates, AF Afghanistan, AG Antigua and Barbuda, AI Anguilla, AL Albania, AM Armenia,
AO Angola, AR Argentina, AS American Samoa, AT Austria, AU Australia, AW Aruba, AX Åland, AZ Azerbaijan,
BA Bosnia and Herzegovina, BB Barbados, BD Bangladesh, BE Belgium, BF Burkina Faso, BG Bulgaria, BH Bahrain,
BI Burundi, BJ Benin, BL Saint Barthélemy, BM Bermuda, BN Brunei, BO Bolivia, BQ the Caribbean Netherlands, BR Brazil,
BS the Bahamas, BT Bhutan, BW Botswana, BY Belarus, BZ Belize, CA Canada, CC the Cocos Islands, CD Congo (Kinshasa),
CF the Central African Republic, CG Congo (Brazzaville), CH Switzerland, CI Ivory Coast, CK the Cook Islands,
CL Chile, CM Cameroon, CN China, CO Colombia, CR Costa Rica, CU Cuba, CV Cape Verde, CW Curaçao, CX Christmas Island,
CY Cyprus, CZ Czechia, DE Germany, DJ Djibouti, DK Denmark, DM Dominica, DO the Dominican Republic, DZ Algeria,
EC Ecuador, EE Estonia, EG Egypt, EH Western Sahara, ER Eritrea, ES Spain, ET Ethiopia, FI Finland, FJ Fiji,
FK the Falkland Islands, FM Micronesia, FO the Faroe Islands, FR France, GA Gabon, GB the United Kingdom, GD Grenada,
GE Georgia, GF French Guiana, GG Guernsey, GH Ghana, GI Gibraltar, GL Greenland, GM the Gambia, GN Guinea,
GP Guadeloupe, GQ Equatorial Guinea, GR Greece, GT Guatemala, GU Guam, GW Guinea-Bissau, GY Guyana, HK Hong Kong,
HN Honduras, HR Croatia, HT Haiti, HU Hungary, ID Indonesia, IE Ireland, IL Israel, IM the Isle of Man, IN India,
IQ Iraq, IR Iran, IS Iceland, IT Italy, JE Jersey, JM Jamaica, JO Jordan, JP Japan, KE Kenya, KG Kyrgyzstan,
KH Cambodia, KI Kiribati, KM the Comoros, KN Saint Kitts and Nevis, KP North Korea, KR South Korea, KW Kuwait,
KY the Cayman Islands, KZ Kazakhstan, LA Laos, LB Lebanon, LC Saint Lucia, LI Liechtenstein, LK Sri Lanka, LR Liberia,
LS Lesotho, LT Lithuania, LU Luxembourg, LV Latvia, LY Libya, MA Morocco, MC Monaco, MD Moldova, ME Montenegro,
MF Saint Martin, MG Madagascar, MH the Marshall Islands, MK North Macedonia, ML Mali, MM Myanmar, MN Mongolia,
MO Macao, MP the Northern Mariana Islands, MQ Martinique, MR Mauritania, MS Montserrat, MT Malta, MU Mauritius,
MV the Maldives, MW Malawi, MX Mexico, MY Malaysia, MZ Mozambique, NA Namibia, NC New Caledonia, NE Niger,
NF Norfolk Island, NG Nigeria, NI Nicaragua, NL the Netherlands, NO Norway, NP Nepal, NR Nauru, NU Niue,
NZ New Zealand, OM Oman, PA Panama, PE Peru, PF French Polynesia, PG Papua New Guinea, PH the Philippines,
PK Pakistan, PL Poland, PM Saint Pierre and Miquelon, PR Puerto Rico, PS Palestine, PT Portugal, PW Palau,
PY Paraguay, QA Qatar, RE Réunion, RO Romania, RS Serbia, RU Russia, RW Rwanda, SA Saudi Arabia,
SB the Solomon Islands, SC the Seychelles, SD Sudan, SE Sweden, SG Singapore, SH Saint Helena, SI Slovenia,
SJ Svalbard and Jan Mayen, SK Slovakia, SL Sierra Leone, SM San Marino, SN Senegal, SO Somalia, SR Suriname,
SS South Sudan, ST São Tomé and Príncipe, SV El Salvador, SX Sint Maarten, SY Syria, SZ Eswatini,
TC the Turks and Caicos Islands, TD Chad, TG Togo, TH Thailand, TJ Tajikistan, TK Tokelau, TL Timor-Leste,
TM Turkmenistan, TN Tunisia, TO Tonga, TR Türkiye, TT Trinidad and Tobago, TV Tuvalu, TW Taiwan, TZ Tanzania,
UA Ukraine, UG Uganda, US the United States, UY Uruguay, UZ Uzbekistan, VA the Vatican,
VC Saint Vincent and the Grenadines, VE Venezuela, VG the British Virgin Islands, VI the US Virgin Islands,
VN Vietnam, VU Vanuatu, WF Wallis and Futuna, WS Samoa, XK Kosovo, YE Yemen, YT Mayotte, ZA South Africa, ZM Zambia,
ZW Zimbabwe
"""
_NAMES = {entry[:2]: entry[3:] for entry in " ".join(_TABLE.split()).split(", ")}


def country_name(code: str) -> str:
    """The usual name of a country; the code itself where the table has none."""
    return _NAMES.get(code, code)


@cache
def catalogue_services() -> Mapping[str, Service]:
    """Name -> service, read once; empty where the catalogue is missing or broken, since pages work without it."""
    try:
        files = {str(path): path.read_bytes() for path in sorted((paths.shipped_folder() / "services").glob("*.toml"))}
        return {service.name: service for service in catalogue.load(files)}
    except (ProbeError, OSError):
        return {}


def service_title(name: str) -> str:
    """`WeChat` for `wechat`; the name itself where the catalogue has no such service."""
    service = catalogue_services().get(name)
    return service.title if service else name
