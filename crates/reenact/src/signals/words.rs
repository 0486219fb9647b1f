//! The words by which signs of trouble show in languages whose dialogue acts nobody reads here otherwise.
//!
//! A wrong sign costs little: a session is looked at that was none. So these lists may be wider than those of `acts`, on
//! which cases rest.

use crate::acts::contains_any;

/// Phrases of several languages.
pub(super) struct Phrases(&'static [&'static str]);

impl Phrases {
    /// Whether one of them stands in a sentence, as whole words, upper and lower case alike.
    pub(super) fn is_in(&self, sentence: &str) -> bool {
        contains_any(sentence, self.0)
    }
}

/// The user objects.
#[rustfmt::skip]
pub(super) const PUSHBACK: Phrases = Phrases(&[
    "das stimmt nicht", "stimmt nicht", "das ist falsch", "nicht richtig", "ich habe gefragt", "ich sagte", "habe ich schon", "ich habe doch",
    "c'est faux", "ce n'est pas vrai", "ce n'est pas correct", "ce n'est pas ça", "j'ai dit", "j'ai déjà", "j'ai demandé", "vous vous trompez",
    "no es cierto", "no es verdad", "no es correcto", "eso está mal", "está mal", "ya dije", "te dije", "le dije", "ya le", "pregunté",
    "non è vero", "non è corretto", "è sbagliato", "ho detto", "ho già", "ho chiesto",
    "não é verdade", "não está certo", "está errado", "eu disse", "eu já", "perguntei",
    "dat klopt niet", "klopt niet", "dat is fout", "niet waar", "ik zei", "ik heb al", "ik vroeg",
    "это не так", "неправда", "неверно", "я же сказал", "я уже", "違います", "間違って", "そうじゃない", "아니에요", "틀렸어요", "틀렸습니다", "没有用", "我说的是", "我问的是",
]);

/// The user wants a person.
#[rustfmt::skip]
pub(super) const PERSON: Phrases = Phrases(&[
    "einem menschen", "einen menschen", "echten menschen", "einem mitarbeiter", "einen mitarbeiter", "ihren vorgesetzten",
    "un humain", "une vraie personne", "un conseiller", "un responsable", "un opérateur",
    "una persona real", "una persona de verdad", "un humano", "un agente humano", "un supervisor",
    "una persona vera", "un operatore", "un essere umano", "um humano", "uma pessoa", "um atendente", "um supervisor",
    "een mens", "een medewerker", "оператора", "с человеком", "担当者", "人間と", "オペレーター", "상담원", "사람과", "真人", "客服",
    "speak to someone", "talk to someone", "speak with someone", "talk to a human", "customer service representative",
]);

/// The user gives up.
#[rustfmt::skip]
pub(super) const GIVING_UP: Phrases = Phrases(&[
    "vergiss es", "vergessen sie es", "das bringt nichts", "ich gebe auf", "zeitverschwendung",
    "laissez tomber", "laisse tomber", "j'abandonne", "perte de temps", "olvídalo", "olvídelo", "me rindo", "pérdida de tiempo",
    "lascia perdere", "lasci perdere", "mi arrendo", "perdita di tempo", "esquece", "deixa pra lá", "desisto", "perda de tempo",
    "laat maar", "ik geef het op", "tijdverspilling", "забудьте", "бесполезно", "もういい", "됐어요", "不用了", "浪费时间",
]);

/// The agent cannot, or does not know.
#[rustfmt::skip]
pub(super) const REFUSING: Phrases = Phrases(&[
    "kann ich nicht", "kann ich leider", "weiß ich nicht", "weiß ich leider", "nicht möglich", "bin nicht in der lage", "konnte nicht", "konnte ich nicht",
    "je ne peux pas", "je ne sais pas", "impossible de", "je n'ai pas pu", "malheureusement",
    "no puedo", "no sé", "no es posible", "no pude", "lamentablemente", "desafortunadamente",
    "non posso", "non so", "non è possibile", "purtroppo", "não posso", "não sei", "não é possível", "infelizmente",
    "kan ik niet", "weet ik niet", "niet mogelijk", "helaas", "не могу", "не знаю", "к сожалению", "できません", "わかりません", "할 수 없습니다", "모르겠습니다", "无法", "不能",
]);

/// The agent apologises.
#[rustfmt::skip]
pub(super) const APOLOGY: Phrases = Phrases(&[
    "sorry", "apologise", "apologize", "apologies", "apology", "my mistake", "you're right", "you are right", "you're absolutely right",
    "entschuldigung", "entschuldigen sie", "tut mir leid", "es tut uns leid", "verzeihung", "désolé", "désolée", "excusez", "mes excuses", "pardon",
    "lo siento", "disculpe", "disculpa", "perdón", "mi dispiace", "mi scuso", "scusi", "scusa", "desculpe", "desculpa", "sinto muito", "lamento",
    "het spijt me", "excuses", "извините", "простите", "申し訳", "すみません", "죄송합니다", "对不起", "不好意思", "抱歉",
]);
