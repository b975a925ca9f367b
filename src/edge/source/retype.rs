//! Fields of rows that are there already, given the types of their columns: what a replay does with fields that did not
//! fit, and with those that its import had sent as strings.

use super::ColumnType;
use super::json::write_value;
use super::misfit;
use crate::model::BadRow;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The row with these columns' strings as values of their types (`null` where they say this text), and a flag for each
/// type that met its column; all else stays as it stands.
pub fn retyped(
    row: &RawValue,
    types: &[(String, ColumnType)],
    null: Option<&str>,
    met: &mut [bool],
) -> Result<Box<RawValue>, BadRow> {
    let Ok(Members(members)) = serde_json::from_str(row.get()) else { return Ok(row.to_owned()) };
    let mut text = vec![b'{'];
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        let key = serde_json::to_string(name).expect("a name is text");
        text.extend_from_slice(key.as_bytes());
        text.push(b':');
        let typed = types.iter().rposition(|(column, _)| column == name);
        if let Some(at) = typed {
            met[at] = true;
        }
        let string = typed.and_then(|at| Some((at, serde_json::from_str::<Cow<'_, str>>(value.get()).ok()?)));
        match string {
            Some((_, string)) if null == Some(&string) => text.extend_from_slice(b"null"),
            Some((at, string)) if !write_value(types[at].1, string.as_bytes(), &mut text) => {
                let message = misfit::words(types[at].1, string.as_bytes(), null.is_none());
                return Err(misfitting(row, message, misfit::pointer(name)));
            }
            Some(_) => {}
            None => text.extend_from_slice(value.get().as_bytes()),
        }
    }
    text.push(b'}');
    let text = String::from_utf8(text).expect("made of text");
    Ok(RawValue::from_string(text).expect("made of JSON"))
}

/// What a row is whose field does not fit.
fn misfitting(row: &RawValue, message: String, field: String) -> BadRow {
    let (raw, row) = (row.get().into(), Some(row.get().to_owned()));
    BadRow { code: "type_mismatch".into(), message, field: Some(field), raw, row }
}

/// Refuses a row whose `field` still is a text that did not fit, where it is of none of these columns: it would be sent
/// as a string.
pub fn refuse_untyped(row: &RawValue, field: &str, types: &[(String, ColumnType)]) -> Result<(), BadRow> {
    let Ok(Members(members)) = serde_json::from_str(row.get()) else { return Ok(()) };
    let found = members.iter().find(|(name, _)| misfit::pointer(name) == field);
    let untyped = found.filter(|(name, value)| {
        value.get().starts_with('"') && !types.iter().any(|(column, _)| column == name)
    });
    let Some((name, _)) = untyped else { return Ok(()) };
    let message =
        format!("it does not fit the type of its column, which nobody knows here: say --type {name}=…");
    Err(misfitting(row, message, field.to_owned()))
}

/// All members of an object, also those of one name.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(All)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn strings_of_typed_columns_become_values_and_nothing_else_changes() {
        let types = [("n".to_owned(), ColumnType::Number), ("no".to_owned(), ColumnType::Boolean)];
        let mut met = [false; 2];
        let row = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let text = r#"{"n":"1.0","m":"2","n":3,"\u00e9":[ 1 ],"n":"9007199254740993"}"#;
        let typed = retyped(&row(text), &types, None, &mut met).unwrap();
        assert_eq!(typed.get(), r#"{"n":1.0,"m":"2","n":3,"é":[ 1 ],"n":9007199254740993}"#);
        assert_eq!(met, [true, false]);
        let bad = retyped(&row(r#"{"n":"x"}"#), &types, None, &mut met).unwrap_err();
        assert_eq!((bad.message.as_str(), bad.field.as_deref()), ("`x` is not a number", Some("/n")));
        assert_eq!(bad.row.as_deref(), Some(r#"{"n":"x"}"#));
        let null = retyped(&row(r#"{"n":"","m":""}"#), &types, Some(""), &mut met).unwrap();
        assert_eq!(null.get(), r#"{"n":null,"m":""}"#);
    }
}
