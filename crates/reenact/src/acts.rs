//! Dialogue acts by rule: what a sentence of a user or of an agent does.
//!
//! Lexicons and punctuation, after the act tags of agenda-based user simulation (Schatzmann et al. 2007,
//! ACL N07-2038). They know English and a little Chinese; in another language a sentence that carries no
//! sign is a plain statement, and what depends on a sign is left out rather than guessed.

use crate::text;

/// Whether a sentence is a question, or asks for something in the form of one.
pub(crate) fn is_question(sentence: &str) -> bool {
    let trimmed = sentence.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '?' && c != '？');
    trimmed.ends_with(['?', '？']) || trimmed.ends_with('吗') || starts_with_any(sentence, &QUESTION_STARTS)
}

const QUESTION_STARTS: [&str; 13] = [
    "what is",
    "what are",
    "what's",
    "which",
    "how much",
    "how many",
    "how do",
    "how can",
    "when is",
    "when does",
    "where is",
    "where can",
    "who is",
];

/// Whether a sentence of an agent asks the user for something: a question or a polite imperative.
pub(crate) fn asks(sentence: &str) -> bool {
    is_question(sentence) || contains_any(sentence, &ASKING) || begs(sentence)
}

/// Whether a sentence begins with "please" and what the user is to do, and not with what the user is to know.
fn begs(sentence: &str) -> bool {
    starts_with_any(sentence, &["please"]) && !starts_with_any(sentence, &TELLING)
}

const TELLING: [&str; 6] =
    ["please note", "please be aware", "please wait", "please hold", "please bear", "please be assured"];

const ASKING: [&str; 20] = [
    "please provide",
    "please share",
    "please confirm",
    "please specify",
    "please tell",
    "please enter",
    "please give",
    "please let me know",
    "please choose",
    "please select",
    "could you",
    "can you",
    "may i have",
    "i need your",
    "i'll need",
    "i will need",
    "i'd need",
    "let me know",
    "请提供",
    "请告诉",
];

/// Whether an agent only invites the user to say what is wanted.
pub(crate) fn invites(sentence: &str) -> bool {
    contains_any(sentence, &INVITING)
}

const INVITING: [&str; 8] = [
    "can i do for you",
    "can i help",
    "can i assist",
    "may i help",
    "what would you like",
    "what do you need",
    "how may i",
    "有什么可以帮",
];

/// Whether a question can be answered with yes: it offers or proposes something.
pub(crate) fn wants_consent(sentence: &str) -> bool {
    contains_any(sentence, &PROPOSING)
}

const PROPOSING: [&str; 17] = [
    "would you like",
    "do you want",
    "shall i",
    "should i",
    "is that correct",
    "is this correct",
    "is that ok",
    "is that okay",
    "do you confirm",
    "please confirm",
    "would that work",
    "does that work",
    "can i proceed",
    "may i proceed",
    "proceed",
    "需要我",
    "可以吗",
];

/// Whether a question can be answered with yes or no and leaves no choice.
pub(crate) fn is_yes_no(question: &str) -> bool {
    let starts = |clause: &str| starts_with_any(clause, &YES_NO_STARTS);
    question.split(',').any(starts) && !contains_any(question, &["or", "which", "what", "when", "where", "还是"])
}

/// Whether a question wants more than a yes: "which one would you like?".
pub(crate) fn is_open(question: &str) -> bool {
    contains_any(question, &["what", "which", "when", "where", "who", "how much", "how many", "how long"])
}

/// Whether a word asks for something by itself: "When?".
pub(crate) fn is_question_word(word: &str) -> bool {
    matches!(word, "what" | "which" | "when" | "where" | "who" | "whom" | "whose" | "why" | "how")
}

/// Whether a user asks for something else than what was offered: "what else is there?".
pub(crate) fn wants_another(sentence: &str) -> bool {
    contains_any(sentence, &["else", "other", "others", "another", "different"])
}

const YES_NO_STARTS: [&str; 14] =
    ["are", "can", "could", "did", "do", "does", "has", "have", "how does", "is", "shall", "should", "will", "would"];

/// Whether a question only asks whether there is anything else.
pub(crate) fn offers_more(sentence: &str) -> bool {
    contains_any(sentence, &MORE)
}

const MORE: [&str; 19] = [
    "anything else",
    "something else",
    "further assistance",
    "further questions",
    "more questions",
    "any other questions",
    "any questions",
    "any other information",
    "any more information",
    "assist you further",
    "help you further",
    "else i can",
    "else can i",
    "all you need",
    "will that be all",
    "is that all",
    "anything i can help",
    "还有什么",
    "其他需要",
];

/// Whether a sentence asks for something to be done or told: what a goal is made of.
pub(crate) fn requests(sentence: &str) -> bool {
    is_question(sentence) || contains_any(sentence, &REQUESTING)
}

const REQUESTING: [&str; 33] = [
    "i need",
    "i want",
    "i'd like",
    "i would like",
    "i wanna",
    "i'm looking",
    "i am looking",
    "im looking",
    "looking for",
    "looking to",
    "can you",
    "could you",
    "can i",
    "could i",
    "please",
    "help me",
    "help with",
    "i'd love",
    "i'm trying",
    "i am trying",
    "i have to",
    "i wish",
    "i was hoping",
    "i'm interested",
    "i am interested",
    "tell me",
    "find me",
    "show me",
    "book",
    "我想",
    "帮我",
    "我要",
    "推荐",
];

/// Whether a sentence says how what is wanted is to be.
pub(crate) fn states_wish(sentence: &str) -> bool {
    contains_any(sentence, &WISHING)
}

const WISHING: [&str; 27] = [
    "should",
    "must",
    "needs to",
    "has to",
    "have to",
    "prefer",
    "preferably",
    "rather",
    "don't want",
    "don't need",
    "instead",
    "as long as",
    "i love",
    "i like",
    "no preference",
    "my",
    "our",
    "for me",
    "for us",
    "reason",
    "i can give",
    "i could give",
    "how about",
    "i will take",
    "i'll take",
    "want",
    "need",
];

/// Whether a clause of a language that chains clauses with commas only remarks on something.
pub(crate) fn is_remark(clause: &str) -> bool {
    REMARKING.iter().any(|sign| clause.contains(sign))
}

const REMARKING: [&str; 22] = [
    "不错", "很", "太", "比较", "正好", "没事", "哈哈", "好像", "觉得", "可能", "先", "就是", "真", "挺", "听说",
    "打通", "既然", "估计", "应该", "自然", "这么", "选择",
];

/// Whether a sentence opens a further request: "also", "another thing".
pub(crate) fn adds(sentence: &str) -> bool {
    contains_any(sentence, &ADDING)
}

const ADDING: [&str; 11] = [
    "also",
    "another",
    "one more",
    "additionally",
    "in addition",
    "as well",
    "besides",
    "next,",
    "while you're at it",
    "另外",
    "还想",
];

/// Whether a sentence is nothing but manners: a greeting, thanks, praise, a goodbye.
pub(crate) fn is_social(sentence: &str) -> bool {
    let is_manner = |word: &str| {
        let word = word.to_lowercase();
        text::is_stop_word(&word) || MANNERS.contains(&word.as_str())
    };
    contains_any(sentence, &SOCIAL) && !is_question(sentence) && text::words(sentence).all(is_manner)
}

const SOCIAL: [&str; 28] = [
    "danke",
    "merci",
    "gracias",
    "grazie",
    "obrigado",
    "obrigada",
    "hi",
    "hello",
    "hey",
    "good morning",
    "good afternoon",
    "good evening",
    "thank",
    "thanks",
    "cheers",
    "bye",
    "great",
    "perfect",
    "wonderful",
    "awesome",
    "appreciate",
    "have a",
    "you too",
    "that's all",
    "that is all",
    "谢谢",
    "再见",
    "你好",
];

const MANNERS: [&str; 43] = [
    "danke",
    "merci",
    "gracias",
    "grazie",
    "obrigado",
    "obrigada",
    "afternoon",
    "again",
    "amazing",
    "appreciate",
    "appreciated",
    "assistance",
    "awesome",
    "cheers",
    "day",
    "evening",
    "everything",
    "excellent",
    "fantastic",
    "helpful",
    "kind",
    "lot",
    "lovely",
    "morning",
    "much",
    "nice",
    "night",
    "only",
    "rest",
    "sir",
    "sounds",
    "support",
    "take",
    "care",
    "today",
    "weekend",
    "wonderful",
    "谢",
    "再",
    "见",
    "你",
    "好",
    "的",
];

/// Whether the user turns against what the agent just said.
pub(crate) fn pushes_back(sentence: &str) -> bool {
    starts_with_any(sentence, &CONTRADICTING_STARTS) || contains_any(sentence, &CONTRADICTING)
}

const CONTRADICTING_STARTS: [&str; 7] = ["no,", "no.", "no!", "no it", "nope", "wrong", "not true"];

const CONTRADICTING: [&str; 31] = [
    "i asked",
    "that's wrong",
    "that is wrong",
    "you're wrong",
    "you are wrong",
    "that's not",
    "thats not",
    "that is not true",
    "that is not right",
    "that isn't right",
    "that isn't true",
    "this is wrong",
    "isn't right",
    "not right",
    "not correct",
    "incorrect",
    "not true",
    "isn't true",
    "i said",
    "i told you",
    "i already",
    "as i said",
    "you said",
    "you told me",
    "are you sure",
    "can't be right",
    "cannot be right",
    "makes no sense",
    "不对",
    "错了",
    "不是这样",
];

/// Whether a sentence is addressed to a machine that reads the recording, and not to the agent in it.
pub(crate) fn orders_the_machine(sentence: &str) -> bool {
    contains_any(sentence, &ORDERING)
}

const ORDERING: [&str; 12] = [
    "ignore all previous",
    "ignore previous instructions",
    "ignore the above",
    "ignore your instructions",
    "disregard all",
    "disregard previous",
    "disregard your",
    "system prompt",
    "you are now a",
    "new instructions",
    "test case",
    "test as passed",
];

/// Whether a sentence begins a wish of its own, and not a question about what was said.
pub(crate) fn opens_wish(sentence: &str) -> bool {
    contains_any(sentence, &WISH_OPENING) || adds(sentence) && requests(sentence)
}

const WISH_OPENING: [&str; 27] = [
    "i need",
    "i want",
    "i'd like",
    "i would like",
    "i wanna",
    "looking for",
    "looking to",
    "can you",
    "could you",
    "can i",
    "i also need",
    "i also want",
    "help me",
    "help with",
    "find me",
    "find a",
    "find an",
    "show me",
    "book a",
    "book me",
    "search for",
    "i have to",
    "i'm trying",
    "please find",
    "我想",
    "帮我",
    "我要",
];

/// Whether a sentence points back to what was said before: such a wish goes on with it.
pub(crate) fn points_back(sentence: &str) -> bool {
    contains_any(sentence, &POINTING_BACK)
}

const POINTING_BACK: [&str; 24] = [
    "it",
    "its",
    "that",
    "that's",
    "there",
    "them",
    "they",
    "their",
    "this",
    "those",
    "these",
    "same",
    "one",
    "ones",
    "other",
    "else",
    "instead",
    "the first",
    "the second",
    "the last",
    "again",
    "more about",
    "这",
    "那",
];

/// Whether a sentence of an agent takes leave.
pub(crate) fn parts(sentence: &str) -> bool {
    contains_any(sentence, &PARTING)
}

const PARTING: [&str; 18] = [
    "goodbye",
    "good bye",
    "bye",
    "have a great",
    "have a good",
    "have a nice",
    "have a wonderful",
    "have a lovely",
    "have a marvelous",
    "have a fantastic",
    "enjoy your",
    "enjoy the",
    "take care",
    "thank you for using",
    "thank you for contacting",
    "you're welcome",
    "you are welcome",
    "再见",
];

/// Whether the user says that all is done.
pub(crate) fn is_done(sentence: &str) -> bool {
    contains_any(sentence, &DONE)
}

const DONE: [&str; 14] = [
    "that's all",
    "that is all",
    "that's it",
    "that is it",
    "that will be all",
    "that'll be all",
    "that was all",
    "nothing else",
    "all set",
    "all i need",
    "all i needed",
    "goodbye",
    "bye",
    "再见",
];

/// Whether the user gives up.
pub(crate) fn gives_up(sentence: &str) -> bool {
    contains_any(sentence, &GIVING_UP)
}

const GIVING_UP: [&str; 16] = [
    "forget it",
    "never mind",
    "nevermind",
    "i give up",
    "waste of time",
    "useless",
    "this is ridiculous",
    "i'll go elsewhere",
    "i will go elsewhere",
    "i'm done with",
    "i am done with",
    "not helpful",
    "no help at all",
    "i'll call instead",
    "算了",
    "没用",
];

/// Whether the user says that something is not at hand.
pub(crate) fn lacks(sentence: &str) -> bool {
    contains_any(sentence, &LACKING)
}

const LACKING: [&str; 16] = [
    "don't have my",
    "don't have the",
    "don't have that",
    "don't have it",
    "do not have my",
    "do not have the",
    "don't remember",
    "do not remember",
    "can't remember",
    "cannot remember",
    "don't know my",
    "don't know the",
    "forgot my",
    "forgot the",
    "i forgot",
    "不记得",
];

/// Whether the user asks for a person.
pub(crate) fn asks_for_person(sentence: &str) -> bool {
    contains_any(sentence, &PERSON)
}

const PERSON: [&str; 12] = [
    "a human",
    "real person",
    "a person",
    "human agent",
    "live agent",
    "an operator",
    "a representative",
    "your manager",
    "your supervisor",
    "a supervisor",
    "someone else",
    "人工",
];

/// Whether a sentence of an agent says that it cannot or will not.
pub(crate) fn refuses(sentence: &str) -> bool {
    contains_any(sentence, &REFUSING)
}

const REFUSING: [&str; 18] = [
    "i can't",
    "i cannot",
    "i'm unable",
    "i am unable",
    "unable to",
    "not able to",
    "couldn't find",
    "could not find",
    "can't find",
    "cannot find",
    "i don't know",
    "i'm afraid",
    "i don't understand",
    "i didn't understand",
    "something went wrong",
    "an error",
    "no results",
    "抱歉",
];

/// Whether a text is in a language of which these lists know enough to tell that a sign is missing. A few words are
/// taken for known: they carry no question that needs a sign.
pub(crate) fn knows(text: &str) -> bool {
    let words: Vec<String> = text::words(text).map(str::to_lowercase).collect();
    let known = words.iter().filter(|word| text::is_stop_word(word) || word.chars().any(text::is_cjk)).count();
    words.len() < KNOWN_WORDS_MIN || known * 6 >= words.len()
}

/// In fewer words than these there may be none of those that every sentence of a language has.
const KNOWN_WORDS_MIN: usize = 4;

/// Whether a sentence begins with one of the phrases, as whole words, upper and lower case alike.
fn starts_with_any(sentence: &str, phrases: &[&str]) -> bool {
    let start = sentence.trim_start_matches(|c: char| !c.is_alphanumeric());
    phrases.iter().any(|phrase| {
        let head = start.get(..phrase.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(phrase)) && ends_word(&start[phrase.len()..], phrase)
    })
}

/// Whether a sentence contains one of the phrases, as whole words, upper and lower case alike.
pub(crate) fn contains_any(sentence: &str, phrases: &[&str]) -> bool {
    let lower = sentence.to_lowercase().replace('’', "'");
    word_starts(&lower).any(|at| {
        let rest = &lower[at..];
        let first = rest.as_bytes()[0];
        let may_be_here = |phrase: &&&str| phrase.as_bytes()[0] == first;
        let is_here = |phrase: &&str| rest.strip_prefix(phrase).is_some_and(|rest| ends_word(rest, phrase));
        phrases.iter().filter(may_be_here).any(is_here)
    })
}

/// Where words begin. No phrase is looked for elsewhere: of all that distilling does, this is done most often.
fn word_starts(text: &str) -> impl Iterator<Item = usize> {
    let is_joined = |c: char| c.is_alphanumeric() && !text::is_cjk(c);
    let mut follows_letter = false;
    text.char_indices().filter_map(move |(at, c)| {
        let starts = c.is_alphanumeric() && !follows_letter;
        follows_letter = is_joined(c);
        starts.then_some(at)
    })
}

fn ends_word(rest: &str, phrase: &str) -> bool {
    !phrase.ends_with(char::is_alphanumeric) || !rest.starts_with(|c: char| c.is_alphanumeric() && !text::is_cjk(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_needs_no_question_mark() {
        assert!(is_question("What is the price"));
        assert!(is_question("Really?!"));
        assert!(asks("Please provide your order number."));
        assert!(!asks("Your order number is 4711."));
    }

    #[test]
    fn manners_are_not_content() {
        assert!(is_social("Thank you so much for your help!"));
        assert!(is_social("Hi there"));
        assert!(!is_social("Thanks, I need a place to go too."));
        assert!(!is_social("The hotel is great"));
    }

    #[test]
    fn another_language_is_known_as_one() {
        assert!(knows("Which order is it about? I need its number."));
        assert!(knows("请问您想去哪里？"));
        assert!(!knows("Bitte nennen Sie mir Ihre Bestellnummer und Ihren Namen."));
    }

    #[test]
    fn a_phrase_is_found_as_whole_words_only() {
        assert!(pushes_back("No, it's saturday"));
        assert!(!pushes_back("Notice the date"));
        assert!(!requests("bookkeeping is fun"));
    }
}
