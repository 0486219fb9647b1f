//! Names of people, as far as the words around them tell: who introduces himself, is greeted, has a title, or signs.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::Found;
use crate::mask::Form;
use crate::mask::invented::is_invented;
use crate::mask::lexicon::is_never_a_name;

/// The most words of a name.
const WORDS_MAX: usize = 4;

/// Words after which a name follows and nothing else does, however it is written.
static SAYS_NAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)(?:my\ (?:full\ |first\ |last\ |sur)?name(?:\ is|'s|s)|name\ on\ (?:the|my)\ \w+\ is|under\ the\ name(?:\ of)?
        |in\ the\ name\ of|call\ me|ich\ hei(?:ß|ss)e|mein\ name\ ist|je\ m'appelle|mon\ nom\ est|me\ llamo|mi\ nombre\ es
        |mi\ chiamo|meu\ nome\ é|me\ chamo|mijn\ naam\ is|меня\ зовут)[\s:,*]+",
    )
});

/// Words after which a name may follow: only what is written as one is taken.
static MAY_SAY_NAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?x)(?i:\b(?:i\ am|i'm|this\ is))\s+
        | \b(?i:passenger|customer|guest|patient|attendee|recipient)s?(?:\ name)?(?:\ is)?[\s:*]+
        | \b(?:Hi|Hello|Dear|Thank\ you|Thanks|Welcome|Welcome\ back|Sorry|Goodbye|Bye)\s*,?\s+
        | \b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herr|Frau|Señora?|Monsieur|Madame|Signora?)\b\.?\s+",
    )
});

static SIGNATURE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:regards|sincerely|cheers|best wishes|many thanks|yours truly|grüßen|cordialement|saludos)[,.!]?\s*\n+\s*",
    )
});

/// The hundred or so commonest families of China, which begin a name.
const FAMILIES: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文";

/// Families of two signs.
const DOUBLE_FAMILIES: &str = "欧阳|诸葛|司马|上官|慕容|尉迟|夏侯|司徒|东方|皇甫";

static CHINESE: LazyLock<[Regex; 3]> = LazyLock::new(|| {
    let name = format!(r"(?P<name>(?:{DOUBLE_FAMILIES}|[{FAMILIES}])\p{{Han}}{{1,2}})");
    [
        format!(r"(?:我叫|我的名字[是叫]|我名叫|姓名[是为:：]\s*|联系人[是为:：]?\s*|预订人[是为:：]?\s*){name}"),
        format!(r"我是{name}(?:[，。,.！!\s]|$)"),
        format!(r"{name}(?:先生|女士|小姐|太太)"),
    ]
    .map(|form| pattern(&form))
});

pub(super) fn find(text: &str) -> Vec<Found> {
    let after = |pattern: &'static Regex, trust| {
        pattern.find_iter(text).filter_map(move |lead| name_at(text, lead.end(), trust))
    };
    let said = after(&SAYS_NAME, Trust::Any).chain(after(&MAY_SAY_NAME, Trust::Written));
    let signed = after(&SIGNATURE, Trust::Written);
    let chinese =
        CHINESE.iter().flat_map(|form| form.captures_iter(text)).filter_map(|f| Some(f.name("name")?.range()));
    let chinese = chinese.map(|range| without_title(text, range)).filter(|range| !is_invented(&text[range.clone()]));
    said.chain(signed).chain(chinese).map(|range| Found { form: Form::Name, range }).collect()
}

static CHINESE_ALONE: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"^(?:{DOUBLE_FAMILIES}|[{FAMILIES}])\p{{Han}}{{1,2}}$")));

/// Whether a text is a Chinese name and nothing else.
pub(super) fn is_chinese_name(text: &str) -> bool {
    CHINESE_ALONE.is_match(text) && !is_invented(text)
}

/// `王先生` is a family alone; the title is no part of it.
fn without_title(text: &str, range: Range<usize>) -> Range<usize> {
    let titles = ["先生", "女士", "小姐", "太太", "先", "女", "小", "太"];
    let name = &text[range.clone()];
    let kept = titles.iter().find_map(|title| name.strip_suffix(title)).unwrap_or(name);
    range.start..range.start + if kept.chars().count() > 1 { kept.len() } else { name.len() }
}

/// What is needed to take a word for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// The words before it say that it is one.
    Any,
    /// It has to be written as one, and nothing may go on as a sentence.
    Written,
}

/// The name that begins here.
pub(super) fn name_at(text: &str, at: usize, trust: Trust) -> Option<Range<usize>> {
    let (mut start, mut end, mut count) = (at, at, 0);
    let is_lower = text[at..].starts_with(char::is_lowercase);
    for word in text[at..].split(' ').take(WORDS_MAX) {
        let bare = word.trim_end_matches(|c: char| !c.is_alphabetic());
        let letters =
            bare.find(|c: char| !(c.is_alphabetic() || matches!(c, '\'' | '’' | '-' | '.'))).unwrap_or(bare.len());
        let bare = without_possessive(&bare[..letters]);
        if !may_be_name(bare, is_lower && trust == Trust::Any) {
            break;
        }
        end = start + bare.len();
        start += word.len() + 1;
        count += 1;
        let is_initial = bare.chars().count() == 1 && word.ends_with('.');
        if bare.len() < word.len() && !is_initial {
            break;
        }
    }
    // After "I am", "hungry and tired" begins like a name with two words; a person's name does not go on in small letters.
    let is_name = count > 0 && !text[at..end].split(' ').any(is_invented);
    let goes_on = trust == Trust::Written && count == 1 && is_adjective(&text[at..end], &text[end..]);
    (is_name && !goes_on).then_some(at..end)
}

fn without_possessive(word: &str) -> &str {
    word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word)
}

fn may_be_name(word: &str, may_be_lower: bool) -> bool {
    let is_written = word.starts_with(char::is_uppercase) || may_be_lower && word.starts_with(char::is_lowercase);
    let is_shouted = word.chars().count() > 3 && word.chars().all(char::is_uppercase);
    is_written && !is_shouted && word.len() <= 30 && !is_never_a_name(word)
}

/// One word after "I am" that the sentence goes on from in a way that names do not.
fn is_adjective(word: &str, rest: &str) -> bool {
    let is_of_people = ["an", "ish", "ese"].iter().any(|end| word.len() > 5 && word.ends_with(end));
    let next = rest.trim_start().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    is_of_people || matches!(next, "to" | "that" | "about" | "of" | "if" | "at")
}

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of our own")
}
