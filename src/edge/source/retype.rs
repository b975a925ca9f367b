//! Fields of rows that are there already, given other types: what a replay does whose import had sent them as strings.

use super::ColumnType;
use super::json::write_value;
use super::misfit;
use crate::model::BadRow;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The row with these columns' strings as values of their types, and a flag for each type that met its column; all else
/// stays as it stands.
pub fn retyped(
    row: &RawValue,
    types: &[(String, ColumnType)],
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
            Some((at, string)) if !write_value(types[at].1, string.as_bytes(), &mut text) => {
                let message = misfit::words(types[at].1, string.as_bytes(), false);
                let field = Some(misfit::pointer(name));
                return Err(BadRow { code: "type_mismatch".into(), message, field, raw: row.get().into() });
            }
            Some(_) => {}
            None => text.extend_from_slice(value.get().as_bytes()),
        }
    }
    text.push(b'}');
    let text = String::from_utf8(text).expect("made of text");
    Ok(RawValue::from_string(text).expect("made of JSON"))
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
        let typed = retyped(&row(text), &types, &mut met).unwrap();
        assert_eq!(typed.get(), r#"{"n":1.0,"m":"2","n":3,"é":[ 1 ],"n":9007199254740993}"#);
        assert_eq!(met, [true, false]);
        let bad = retyped(&row(r#"{"n":"x"}"#), &types, &mut met).unwrap_err();
        assert_eq!((bad.message.as_str(), bad.field.as_deref()), ("`x` is not a number", Some("/n")));
    }
}
