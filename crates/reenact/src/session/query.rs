//! The query that finds sessions again, as a person types it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::words::Sought;
use crate::{Error, ErrorKind, Result, SessionSummary};

/// Which sessions are meant, newest first.
///
/// It is parsed from what a person types. All parts must hold; an empty query means every session.
///
/// | part | finds sessions |
/// |---|---|
/// | `refund` | in which the word was said, by user, agent or tool; upper and lower case alike |
/// | `"market is closed"` | in which the words were said one after the other |
/// | `turns:3` `turns>=3` `turns<10` | by their number of user messages |
/// | `after:2025-09-01` | that began then or later (UTC; a date, `2025-09-01T10:30` or a timestamp) |
/// | `before:2025-10-01` | that began earlier than that |
/// | `source:mlflow` | whose source (format and file) contains this |
/// | `id:8f2c` | whose id starts with this |
/// | `user:ada` `meta.model=gpt-5` | whose metadata says this of `user`, of `model` |
///
/// A value with spaces stands in quotes; `\"` and `\\` in quotes mean the characters themselves. What looks
/// like one of these parts but is meant as text stands in quotes as well.
///
/// ```
/// use reenact::SessionQuery;
///
/// let query: SessionQuery = r#"refund "my parcel" turns>=3 after:2025-09-01 user:ada"#.parse()?;
/// assert_eq!(query.to_string(), r#"refund "my parcel" turns>=3 after:2025-09-01 meta.user=ada"#);
///
/// let error = "turn>=3".parse::<SessionQuery>().unwrap_err();
/// assert_eq!(error.to_string(), "unknown part `turn` in the query `turn>=3`");
/// assert!(error.hint_text().unwrap().starts_with("did you mean `turns`?"));
/// # Ok::<(), reenact::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionQuery {
    conditions: Vec<Condition>,
    behind: Option<SessionCursor>,
    limit: Option<usize>,
}

/// A place in the list of sessions, to go on with behind it: as fast deep in a long list as at its beginning, and without a gap or a repetition
/// where sessions come in meanwhile. Its text is for links.
///
/// ```
/// # use reenact::{Conversation, Message, Session, SessionCursor, SessionQuery, Store};
/// # let store = Store::temporary()?;
/// # let mut sessions = store.write_sessions()?;
/// # for id in ["a", "b", "c"] {
/// #     sessions.put(&Session::new(id, Conversation::from_iter([Message::user("hello")])), &[])?;
/// # }
/// # sessions.commit()?;
/// let query = SessionQuery::default().limit(2);
/// let first = store.sessions(&query)?;
/// let cursor: SessionCursor = SessionCursor::at(&first[1]).to_string().parse()?;
/// let next = store.sessions(&query.behind(cursor))?;
/// assert_eq!(next[0].id, "c");
/// # Ok::<(), reenact::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCursor {
    /// In microseconds since 1970.
    pub(crate) started_at: Option<i64>,
    pub(crate) id: String,
}

impl SessionCursor {
    /// The place of a session.
    #[must_use]
    pub fn at(session: &SessionSummary) -> Self {
        SessionCursor { started_at: session.started_at.map(Timestamp::as_microsecond), id: session.id.clone() }
    }
}

impl fmt::Display for SessionCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.started_at {
            Some(at) => write!(f, "{at}.{}", self.id),
            None => write!(f, ".{}", self.id),
        }
    }
}

impl FromStr for SessionCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<SessionCursor> {
        let no_place = || usage(format!("`{text}` is no place in a list of sessions")).hint("begin at the first page");
        let (at, id) = text.split_once('.').ok_or_else(no_place)?;
        let started_at = if at.is_empty() { None } else { Some(at.parse().map_err(|_| no_place())?) };
        Ok(SessionCursor { started_at, id: id.to_owned() })
    }
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Text(String),
    Turns(Comparison, u32),
    After(Timestamp),
    Before(Timestamp),
    Source(String),
    Id(String),
    Metadata { key: String, value: String },
}

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

impl SessionQuery {
    /// The same query, for the newest sessions only.
    #[must_use]
    pub fn limit(mut self, sessions: usize) -> Self {
        self.limit = Some(sessions);
        self
    }

    /// The same query, for the sessions that stand behind this place.
    #[must_use]
    pub fn behind(mut self, cursor: SessionCursor) -> Self {
        self.behind = Some(cursor);
        self
    }

    pub(crate) fn cursor(&self) -> Option<&SessionCursor> {
        self.behind.as_ref()
    }

    pub(crate) fn most(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

impl FromStr for SessionQuery {
    type Err = Error;

    fn from_str(text: &str) -> Result<SessionQuery> {
        let conditions = pieces(text)?.iter().map(condition).collect::<Result<_>>()?;
        Ok(SessionQuery { conditions, behind: None, limit: None })
    }
}

/// What stands between spaces, each character with whether it stood in quotes.
type Piece = Vec<(char, Quoted)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoted {
    Yes,
    No,
}

fn pieces(text: &str) -> Result<Vec<Piece>> {
    let (mut pieces, mut piece, mut quoted) = (Vec::new(), None::<Piece>, Quoted::No);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, quoted) {
            ('"', Quoted::No) => {
                quoted = Quoted::Yes;
                piece.get_or_insert_default();
            }
            ('"', Quoted::Yes) => quoted = Quoted::No,
            ('\\', Quoted::Yes) if matches!(characters.peek(), Some('"' | '\\')) => {
                piece.get_or_insert_default().extend(characters.next().map(|escaped| (escaped, Quoted::Yes)));
            }
            (space, Quoted::No) if space.is_whitespace() => pieces.extend(piece.take()),
            _ => piece.get_or_insert_default().push((character, quoted)),
        }
    }
    if quoted == Quoted::Yes {
        return Err(usage(format!("a quote is not closed in the query `{text}`"))
            .hint("end the phrase with another `\"`, or leave both out"));
    }
    pieces.extend(piece);
    Ok(pieces)
}

fn plain(piece: &[(char, Quoted)]) -> String {
    piece.iter().map(|(character, _)| character).collect()
}

fn condition(piece: &Piece) -> Result<Condition> {
    let Some((name, sign, value)) = operator(piece) else { return text(plain(piece)) };
    let whole = plain(piece);
    if value.is_empty() {
        return Err(usage(format!("`{whole}` in the query has no value"))
            .hint(format!("say what `{name}` should be, such as {}", example(&name))));
    }
    match name.strip_prefix("meta.") {
        Some(key) if !key.is_empty() => return metadata(key, sign, value, &whole),
        _ => {}
    }
    match name.to_ascii_lowercase().as_str() {
        "turns" => turns(sign, &value, &whole),
        _ if sign != Comparison::Equal => Err(unknown(&name, &whole)),
        "after" => Ok(Condition::After(instant(&value, &whole)?)),
        "before" => Ok(Condition::Before(instant(&value, &whole)?)),
        "source" => Ok(Condition::Source(value)),
        "id" => Ok(Condition::Id(value)),
        "user" => metadata("user", sign, value, &whole),
        _ => Err(unknown(&name, &whole)),
    }
}

/// The parts of `name:value`, `name=value` and their kin; none where a piece is text.
fn operator(piece: &Piece) -> Option<(String, Comparison, String)> {
    let is_sign = |&(character, quoted): &(char, Quoted)| quoted == Quoted::No && ":=<>".contains(character);
    let at = piece.iter().position(is_sign)?;
    let (name, rest) = piece.split_at(at);
    let is_name =
        |&(c, quoted): &(char, Quoted)| quoted == Quoted::Yes || c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts = matches!(name.first(), Some((first, Quoted::No)) if first.is_ascii_alphabetic());
    if !starts || !name.iter().all(is_name) {
        return None;
    }
    let or_equal = rest.get(1) == Some(&('=', Quoted::No));
    let (sign, length) = match (rest[0].0, or_equal) {
        ('<', true) => (Comparison::AtMost, 2),
        ('>', true) => (Comparison::AtLeast, 2),
        ('<', false) => (Comparison::Less, 1),
        ('>', false) => (Comparison::More, 1),
        _ => (Comparison::Equal, 1),
    };
    Some((plain(name), sign, plain(&rest[length..])))
}

fn text(text: String) -> Result<Condition> {
    if Sought::new(&text).is_none() {
        return Err(usage(format!("`{text}` in the query has no letter and no digit to search for"))
            .hint("search looks for words; leave this part out"));
    }
    Ok(Condition::Text(text))
}

fn turns(sign: Comparison, value: &str, whole: &str) -> Result<Condition> {
    let count = value.parse().map_err(|_| {
        usage(format!("`{whole}` in the query does not name a number of turns")).hint("write `turns:3` or `turns>=3`")
    })?;
    Ok(Condition::Turns(sign, count))
}

fn metadata(key: &str, sign: Comparison, value: String, whole: &str) -> Result<Condition> {
    if sign != Comparison::Equal {
        return Err(usage(format!("`{whole}` in the query compares text with `<` or `>`"))
            .hint(format!("metadata can only be equal: `meta.{key}=VALUE`")));
    }
    Ok(Condition::Metadata { key: key.to_owned(), value })
}

/// A date begins at midnight UTC, and a time of day without a zone is UTC.
fn instant(value: &str, whole: &str) -> Result<Timestamp> {
    let timestamp = value.parse::<Timestamp>().ok();
    let civil = || value.parse::<DateTime>().ok().and_then(|time| time.to_zoned(TimeZone::UTC).ok());
    timestamp.or_else(|| civil().map(|zoned| zoned.timestamp())).ok_or_else(|| {
        usage(format!("`{whole}` in the query names no time"))
            .hint("write a date such as `2025-09-01`, or a time such as `2025-09-01T10:30:00Z`")
    })
}

const NAMES: [&str; 6] = ["turns", "after", "before", "source", "id", "user"];

fn example(name: &str) -> String {
    match name {
        "turns" => "`turns>=3`".to_owned(),
        "after" | "before" => format!("`{name}:2025-09-01`"),
        _ => format!("`{name}:VALUE`"),
    }
}

fn unknown(name: &str, whole: &str) -> Error {
    let near = NAMES.into_iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let near = near.filter(|near| strsim::jaro_winkler(near, name) > 0.7);
    let guess = match near {
        Some(near) if near == name => format!("`{name}` takes a `:`. "),
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    let quoted = Quote(whole);
    usage(format!("unknown part `{name}` in the query `{whole}`")).hint(format!(
        "{guess}There are `turns`, `after`, `before`, `source`, `id`, `user` and `meta.KEY`; text that looks like one stands in quotes: {quoted}"
    ))
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

/// A text in quotes, from which the parser reads the same text.
struct Quote<'a>(&'a str);

impl fmt::Display for Quote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// A text as it is where that reads back as the same, else in quotes.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| c.is_alphanumeric() || "._-".contains(c);
        if self.0.chars().all(is_plain) { f.write_str(self.0) } else { Quote(self.0).fmt(f) }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Equal => "=",
            Comparison::AtLeast => ">=",
            Comparison::More => ">",
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Text(text) => Value(text).fmt(f),
            Condition::Turns(sign, count) => write!(f, "turns{sign}{count}"),
            Condition::After(time) => write!(f, "after:{}", Instant(*time)),
            Condition::Before(time) => write!(f, "before:{}", Instant(*time)),
            Condition::Source(source) => write!(f, "source:{}", Value(source)),
            Condition::Id(id) => write!(f, "id:{}", Value(id)),
            Condition::Metadata { key, value } => write!(f, "meta.{}={}", Value(key), Value(value)),
        }
    }
}

/// A date where it is midnight UTC, as most people type it.
struct Instant(Timestamp);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0.to_zoned(TimeZone::UTC).datetime();
        if time == Date::from(time).to_datetime(jiff::civil::Time::midnight()) {
            Date::from(time).fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

/// The query as it can be typed again; how many sessions are wanted is not a part of it.
impl fmt::Display for SessionQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, condition) in self.conditions.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{condition}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<SessionQuery> {
        text.parse()
    }

    /// The message of a query that is refused, and its hint below it.
    fn refusal(text: &str) -> String {
        let error = parse(text).unwrap_err();
        format!("{error}\n{}", error.hint_text().unwrap())
    }

    #[test]
    fn every_part_reads_as_it_is_written() {
        let text = r#"refund "my parcel" turns<10 after:2025-09-01 before:2025-09-01T10:30:00Z source:mlflow id:8f2c meta.model=gpt-5"#;
        assert_eq!(parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn shorthands_mean_their_long_forms() {
        let long = |text: &str| parse(text).unwrap().to_string();
        assert_eq!(long("turns:3"), "turns=3");
        assert_eq!(long("user:ada"), "meta.user=ada");
        assert_eq!(long("TURNS>3"), "turns>3");
        assert_eq!(long("after:2025-09-01T12:00"), "after:2025-09-01T12:00:00Z");
        assert_eq!(long(r#"meta."plan name"="a \"b\"""#), r#"meta."plan name"="a \"b\"""#);
        assert_eq!(long("10:30"), r#""10:30""#);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_what_would_be_right() {
        assert_snapshot!(refusal("trns>=3"), @r#"
unknown part `trns` in the query `trns>=3`
did you mean `turns`? There are `turns`, `after`, `before`, `source`, `id`, `user` and `meta.KEY`; text that looks like one stands in quotes: "trns>=3"
"#);
        assert_snapshot!(refusal("http://example.org"), @r#"
unknown part `http` in the query `http://example.org`
There are `turns`, `after`, `before`, `source`, `id`, `user` and `meta.KEY`; text that looks like one stands in quotes: "http://example.org"
"#);
        assert_snapshot!(refusal("after:yesterday"), @r"
`after:yesterday` in the query names no time
write a date such as `2025-09-01`, or a time such as `2025-09-01T10:30:00Z`
");
        assert_snapshot!(refusal("turns:many"), @r"
`turns:many` in the query does not name a number of turns
write `turns:3` or `turns>=3`
");
        assert_snapshot!(refusal("user>ada"), @r#"
unknown part `user` in the query `user>ada`
`user` takes a `:`. There are `turns`, `after`, `before`, `source`, `id`, `user` and `meta.KEY`; text that looks like one stands in quotes: "user>ada"
"#);
        assert_snapshot!(refusal("source:"), @r"
`source:` in the query has no value
say what `source` should be, such as `source:VALUE`
");
        assert_snapshot!(refusal("\"no end"), @r#"
a quote is not closed in the query `"no end`
end the phrase with another `"`, or leave both out
"#);
        assert_snapshot!(refusal(":-)"), @r"
`:-)` in the query has no letter and no digit to search for
search looks for words; leave this part out
");
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_makes_the_parser_panic(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_parsed_reads_the_same_when_it_is_typed_again(
            parts in prop::collection::vec(
                prop_oneof![
                    r#"(meta\.|turns|after|before|source|id|user|"|\\| )?[:=<>]{0,2}("?[a-z0-9\\é退 .:<=-]{0,6}"?)"#,
                    Just("after:2025-09-01T10:00:00.5Z".to_owned()),
                    r"turns(:|=|<|>|<=|>=)[0-9]{1,3}",
                    r#"meta\."?[a-z =]{1,4}"?="?[a-z ]{1,4}"?"#,
                ],
                0..5,
            )
        ) {
            if let Ok(query) = parse(&parts.join(" ")) {
                prop_assert_eq!(parse(&query.to_string()).unwrap(), query);
            }
        }
    }
}
