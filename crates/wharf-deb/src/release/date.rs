//! Dates as `Release` files have them: `Sat, 11 Oct 2025 11:16:29 UTC`. Source: RFC 5322, 3.3, and the zone `UTC`, which is not in it.

use wharf_core::Timestamp;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Reads a date; `None` where it is none. The day of the week is not compared.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let rest = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut words = rest.split_ascii_whitespace();
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let (time, zone) = (words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let day = number(day, 1..=2)?;
    let year = number(year, 4..=4)?;
    let month = 1 + MONTHS
        .iter()
        .position(|known| known.eq_ignore_ascii_case(month))?;
    let mut parts = time.split(':');
    let (hour, minute) = (number(parts.next()?, 1..=2)?, number(parts.next()?, 2..=2)?);
    let second = parts.next().map_or(Some(0), |text| number(text, 2..=2))?;
    if parts.next().is_some() {
        return None;
    }
    let zone = offset(zone)?;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}")
        .parse()
        .ok()
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let plain = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// A zone as ISO 8601 writes it.
fn offset(zone: &str) -> Option<String> {
    if ["utc", "gmt", "z", "ut"]
        .iter()
        .any(|known| zone.eq_ignore_ascii_case(known))
    {
        return Some("Z".to_owned());
    }
    let digits = zone.strip_prefix(['+', '-'])?;
    number(digits, 4..=4)?;
    Some(format!("{}{}:{}", &zone[..1], &digits[..2], &digits[2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (text, expected) in [
            ("Sat, 11 Oct 2025 11:16:29 UTC", Some("2025-10-11T11:16:29Z")),
            ("Sat, 1 Feb 2025 01:02:03 GMT", Some("2025-02-01T01:02:03Z")),
            ("Sat,  1 feb 2025  1:02:03 Z", Some("2025-02-01T01:02:03Z")),
            ("1 Feb 2025 01:02 +0200", Some("2025-01-31T23:02:00Z")),
            ("Thu, 29 Feb 2024 23:59:59 -0130", Some("2024-03-01T01:29:59Z")),
            ("Sat, 29 Feb 2025 01:02:03 UTC", None),
            ("Sat, 1 Feb 2025 24:02:03 UTC", None),
            ("Sat, 1 Feb 2025 01:02:03", None),
            ("Sat, 1 Feb 2025 01:02:03 CET", None),
            ("Sat, 1 Feb 2025 01:02:03 UTC now", None),
            ("Sat, +1 Feb 2025 01:02:03 UTC", None),
            ("2025-02-01T01:02:03Z", None),
            ("", None),
        ] {
            let read = parse_date(text).map(|date| date.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
