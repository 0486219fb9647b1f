//! What holds of masking whatever is said: nothing original stays, a value has one surrogate in every spelling and of its own
//! form, what is masked stays as it is, and so does what is nobody's.

use std::collections::BTreeSet;

use proptest::prelude::*;
use reenact::mask::{Kind, MaskKey, Masker, unmasked_id};
use reenact::{Conversation, Message, Session, Speaker, Store, ToolCall};

const PASSPHRASE: &str = "a passphrase for properties";

fn masker() -> Masker {
    Masker::new(MaskKey::of_passphrase(PASSPHRASE))
}

fn session(messages: impl IntoIterator<Item = Message>) -> Session {
    Session::new("s-1", messages.into_iter().collect())
}

/// What one user says, masked.
fn masked(text: &str) -> String {
    masker().mask(&session([Message::user(text)])).session.conversation.messages[0].text.clone()
}

fn luhn(digits: &str) -> u32 {
    let value = |(n, c): (usize, char)| match (n % 2, c.to_digit(10).unwrap()) {
        (0, value) => value,
        (_, value) if value > 4 => value * 2 - 9,
        (_, value) => value * 2,
    };
    digits.chars().rev().enumerate().map(value).sum::<u32>() % 10
}

fn card() -> impl Strategy<Value = String> {
    ("4[2-9][0-9]{13}", any::<bool>()).prop_map(|(most, is_spaced)| {
        let last = (0..10).find(|digit| luhn(&format!("{most}{digit}")) == 0).unwrap();
        let number = format!("{most}{last}");
        let groups = [&number[..4], &number[4..8], &number[8..12], &number[12..]];
        if is_spaced { groups.join(" ") } else { number }
    })
}

/// A value of somebody's in a sentence that says so, with the value.
fn planted() -> impl Strategy<Value = (String, String, Kind)> {
    let name = "(Anneke|Bartosz|Chioma|Dmitri|Eszter|Farrukh|Giulia) (Kowalczyk|Nakamura|Oyelaran|Petrov|Szabo)";
    let as_is = |about: &'static str, kind| move |value: String| (about.replace('@', &value), value, kind);
    prop_oneof![
        "[a-z]{3,8}\\.[a-z]{3,8}[0-9]{0,4}@(corp|mail)\\.(com|de|co\\.uk)"
            .prop_map(as_is("write to @ please", Kind::Email)),
        "[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}"
            .prop_filter("a number of films", |number| !number.contains("-555-01"))
            .prop_map(as_is("call me on @, any time", Kind::Phone)),
        card().prop_map(as_is("my card @ was charged", Kind::Card)),
        "[1-5][0-9]{2}-[0-9]{2}-[0-9]{4}".prop_map(as_is("ssn @", Kind::NationalId)),
        name.prop_map(as_is("My name is @.", Kind::Name)),
        "#W[1-9][0-9]{6}".prop_map(|id| (format!("it is order {id}"), id[1..].to_owned(), Kind::Id)),
        "sk-[A-Za-z]{8}[0-9]{4}[A-Za-z0-9]{12}".prop_map(as_is("the key @ leaked", Kind::Secret)),
        "[1-9][0-9]{1,2} (Ashgrove|Bellweather|Thornhill) (Street|Avenue)"
            .prop_map(as_is("send it to @", Kind::Address)),
    ]
}

/// The signs of a text as classes, which a surrogate keeps.
fn form(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_digit() {
                '0'
            } else if c.is_alphabetic() {
                'a'
            } else {
                c
            }
        })
        .collect()
}

proptest! {
    #[test]
    fn no_planted_value_stays_and_each_has_one_surrogate_wherever_it_is_said(
        planted in prop::collection::vec(planted(), 1..5),
    ) {
        let told = |value: &str| {
            let arguments = serde_json::json!({ "value": value }).to_string();
            let call = ToolCall { id: None, name: "look_up".into(), arguments };
            [Message { tool_calls: vec![call], ..Message::agent("") }, Message::agent(format!("I see {value}, thanks"))]
        };
        let said = planted.iter().flat_map(|(text, value, _)| [vec![Message::user(text)], told(value).to_vec()].concat());
        let original = session(said);
        let masked = masker().mask(&original);
        let after = serde_json::to_string(&masked.session).unwrap();
        let mut surrogates = BTreeSet::new();
        for (n, (_, value, kind)) in planted.iter().enumerate() {
            prop_assert!(!after.contains(value.as_str()), "{value} in {after}");
            prop_assert!(masked.originals.leak_in_text(&format!("so {value} it is")).is_some(), "{value} {:?}", masked.originals);
            prop_assert!(masked.originals.counts().contains_key(kind));
            let messages = &masked.session.conversation.messages[n * 3..n * 3 + 3];
            let surrogate = messages[2].text.strip_prefix("I see ").unwrap().strip_suffix(", thanks").unwrap();
            prop_assert!(messages[0].text.contains(surrogate), "{surrogate} in {}", messages[0].text);
            prop_assert!(messages[1].tool_calls[0].arguments.contains(surrogate));
            surrogates.insert(surrogate.to_owned());
            if matches!(kind, Kind::Phone | Kind::Card | Kind::NationalId | Kind::Id | Kind::Secret) {
                prop_assert_eq!(form(surrogate), form(value));
            }
            if *kind == Kind::Card {
                prop_assert_eq!(luhn(&surrogate.replace(' ', "")), 0);
            }
        }
        let values: BTreeSet<&String> = planted.iter().map(|(_, value, _)| value).collect();
        prop_assert_eq!(surrogates.len(), values.len());
        prop_assert_eq!(masked.originals.leaks_in(&masked.session.conversation), []);
        prop_assert_eq!(&masker().mask(&original).session, &masked.session);
        prop_assert_eq!(&masker().mask(&masked.session).session, &masked.session);
    }

    #[test]
    fn reserved_surrogates_are_nobodys_and_stay_when_they_are_masked_again(planted in planted()) {
        let (text, _, kind) = planted;
        if matches!(kind, Kind::Email | Kind::Phone | Kind::Card | Kind::NationalId | Kind::Name | Kind::Secret | Kind::Address) {
            let once = masked(&text);
            prop_assert_eq!(masked(&once), once);
        }
    }

    #[test]
    fn words_and_plain_numbers_stay_byte_for_byte(words in prop::collection::vec("[a-z]{1,9}|[0-9]{1,3} [a-z]{2,9}|[0-9]{1,3}\\.[0-9]{2} [a-z]{2,9}|[,.!?]", 0..30)) {
        // No label and no question makes these anything.
        let plain = words.into_iter().filter(|word| !["zip", "pin", "name"].contains(&word.as_str())).collect::<Vec<_>>();
        let text = plain.join(" ");
        prop_assert_eq!(masked(&text), text);
    }

    #[test]
    fn any_text_is_masked_without_a_leak(texts in prop::collection::vec(".{0,80}", 1..6)) {
        let speakers = [Speaker::User, Speaker::Agent, Speaker::Tool];
        let said = texts.iter().zip(speakers.into_iter().cycle()).map(|(text, speaker)| Message::new(speaker, text));
        let masked = masker().mask(&session(said));
        prop_assert_eq!(masked.originals.leaks_in(&masked.session.conversation), []);
    }
}

#[test]
fn a_value_in_other_spellings_has_one_surrogate() {
    let spellings = ["#W7678072", "W7678072", "w7678072", "W-7678072", "w 7678072"];
    let said = spellings.map(|spelling| Message::user(format!("order id: {spelling}")));
    let masked = masker().mask(&session(said)).session;
    let surrogates: BTreeSet<String> = masked
        .conversation
        .messages
        .iter()
        .map(|message| {
            let id = message.text.strip_prefix("order id: ").unwrap();
            id.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
        })
        .collect();
    assert_eq!(surrogates.len(), 1, "{surrogates:?}");
}

#[test]
fn another_session_has_the_same_surrogates_and_another_key_has_others() {
    let text = "My name is Mei Kovacs, mei.kovacs@corp.com, order #W7678072";
    let other =
        Session::new("s-2", [Message::user(text), Message::agent("Hello")].into_iter().collect::<Conversation>());
    assert_eq!(masker().mask(&other).session.conversation.messages[0].text, masked(text));
    let another = Masker::new(MaskKey::of_passphrase("another")).mask(&other);
    assert_ne!(another.session.conversation.messages[0].text, masked(text));
}

#[test]
fn tools_that_spell_letters_as_numbers_are_read_as_what_they_say() {
    let call =
        ToolCall { id: None, name: "find".into(), arguments: r#"{"name": "\u738b\u5c0f\u660e", "n": 1}"#.into() };
    let said = [Message::user("我叫王小明"), Message { tool_calls: vec![call], ..Message::agent("") }];
    let masked = masker().mask(&session(said)).session;
    let arguments = &masked.conversation.messages[1].tool_calls[0].arguments;
    assert!(!arguments.contains("\\u738b") && !arguments.contains('王'), "{arguments}");
    assert!(serde_json::from_str::<serde_json::Value>(arguments).is_ok(), "{arguments}");
}

#[test]
fn a_store_reads_a_masked_session_again_by_its_id_and_only_with_its_key() {
    let store = Store::temporary().unwrap();
    let mut writer = store.write_sessions().unwrap();
    let recorded = session([Message::user("My name is Mei Kovacs"), Message::agent("Hello Mei")]);
    writer.put(&recorded, &[]).unwrap();
    writer.commit().unwrap();
    let masker = store.masker(None).unwrap();
    assert_eq!(store.masker(None).unwrap().key(), masker.key());
    let masked = masker.mask(&recorded).session;
    assert_eq!(unmasked_id(&masked.id).unwrap().0, "s-1");
    assert_eq!(store.session(&masked.id).unwrap(), masked);
    let foreign = Masker::new(MaskKey::of_passphrase("foreign")).masked_id("s-1");
    let error = store.session(&foreign).unwrap_err();
    assert!(error.to_string().contains("was masked by a key that this store does not have"), "{error}");
    assert_eq!(store.session("s-1").unwrap(), recorded);
}

#[test]
fn neither_a_key_nor_an_original_is_shown_where_things_are_printed_for_debugging() {
    let masked = masker().mask(&session([Message::user("My name is Mei Kovacs")]));
    let shown = format!("{:?} {:?}", masker(), masked);
    assert!(!shown.contains("Kovacs") && !shown.contains("kovacs"), "{shown}");
    let bytes = format!("{:?}", masker().key().bytes());
    assert!(!shown.contains(&bytes));
}

#[test]
fn a_call_whose_id_happens_to_spell_a_name_is_masked_and_keeps_its_result() {
    let id = || Some("call_lPTObKyA4JErAlF45li7jGZX".to_owned());
    let arguments = r#"{"first_name": "Sofia", "last_name": "Li"}"#.to_owned();
    let call = ToolCall { id: id(), name: "find_user".into(), arguments };
    let asks = Message { tool_calls: vec![call], ..Message::agent("") };
    let answer = Message { tool_call_id: id(), ..Message::new(Speaker::Tool, "sofia_li_9219") };
    let masked = masker().mask(&session([Message::user("I am Sofia Li"), asks, answer]));
    let messages = &masked.session.conversation.messages;
    assert_eq!(masked.originals.leaks_in(&masked.session.conversation), []);
    assert_eq!(messages[1].tool_calls[0].id, messages[2].tool_call_id);
}
