//! `RUN --mount=`: comma-separated `key=value`, quoted as CSV.

use super::{Problem, Text};

/// One `--mount` of a RUN.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mount {
    /// The fields, in order: key in lower case, and value if there is a `=`.
    pub fields: Vec<(String, Option<Text>)>,
}

impl Mount {
    /// The stage or image to mount from. The last `from` counts.
    pub fn from(&self) -> Option<&Text> {
        self.fields.iter().rev().find_map(|(key, value)| if key == "from" { value.as_ref() } else { None })
    }

    pub(super) fn parse(value: &Text) -> Result<Self, Problem> {
        let mut fields = Vec::new();
        for field in fields_of(value)? {
            match field.split_once('=') {
                Some((key, value)) => fields.push((key.as_str().to_lowercase(), Some(value))),
                None => fields.push((field.as_str().to_lowercase(), None)),
            }
        }
        let mount = Self { fields };
        let variable = |text: &Text| text.as_str().find('$').is_some_and(|at| at + 1 < text.len());
        for (key, value) in &mount.fields {
            if key == "from" && value.as_ref().is_some_and(variable) {
                return Err(Problem::VariableInMount);
            }
        }
        Ok(mount)
    }
}

/// RFC 4180, section 2: one record.
fn fields_of(value: &Text) -> Result<Vec<Text>, Problem> {
    let mut fields = Vec::new();
    let mut rest = value.clone();
    if rest.is_empty() {
        return Err(Problem::BadMount);
    }
    loop {
        if !rest.as_str().starts_with('"') {
            let (field, after) = match rest.split_once(',') {
                Some((field, after)) => (field, Some(after)),
                None => (rest, None),
            };
            if field.as_str().contains('"') {
                return Err(Problem::BadMount);
            }
            fields.push(field);
            match after {
                Some(after) => rest = after,
                None => return Ok(fields),
            }
            continue;
        }
        let (field, after) = quoted(&rest)?;
        fields.push(field);
        match after.as_str().chars().next() {
            None => return Ok(fields),
            Some(',') => rest = after.from(1),
            Some(_) => return Err(Problem::BadMount),
        }
    }
}

/// A field in quotes, in which `""` is a quote; and what follows it.
fn quoted(text: &Text) -> Result<(Text, Text), Problem> {
    let mut field = Text::at(text.source(1));
    let mut at = 1;
    loop {
        let rest = text.as_str().get(at..).unwrap_or("");
        let end = at + rest.find('"').ok_or(Problem::BadMount)?;
        field.append(&text.slice(at..end));
        if text.as_str().get(end + 1..).is_some_and(|after| after.starts_with('"')) {
            field.append(&text.slice(end..end + 1));
            at = end + 2;
        } else {
            return Ok((field, text.from(end + 1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Text {
        let mut text = Text::at(0);
        text.push_str(value, 0);
        text
    }

    #[test]
    fn from_wherever_it_stands() {
        for (value, want) in [
            ("from=a", Some("a")),
            ("type=bind,from=a,target=/x", Some("a")),
            ("readonly,source=/,FROM=a:1", Some("a:1")),
            ("type=cache,target=/x", None),
            ("from=a,from=b", Some("b")),
            ("target=/x,\"from=a\",rw", Some("a")),
            ("target=/from=x", None),
            ("from=", Some("")),
            ("from", None),
            ("from=a$", Some("a$")),
        ] {
            let mount = Mount::parse(&text(value)).unwrap_or_else(|error| panic!("{value}: {error}"));
            assert_eq!(mount.from().map(Text::as_str), want, "{value}");
        }
        let mount = Mount::parse(&text("type=bind,from=abc,ro")).unwrap();
        assert_eq!(mount.from().map(Text::end), Some("type=bind,from=abc".len()));
    }

    #[test]
    fn refuses_what_is_not_csv_and_variables() {
        for value in ["", "a\"b", "\"a", "\"a\"b,c", "x,\"a\"b"] {
            assert_eq!(Mount::parse(&text(value)), Err(Problem::BadMount), "{value}");
        }
        for value in ["from=$X", "from=a${X}", "from=$X,from=a"] {
            assert_eq!(Mount::parse(&text(value)), Err(Problem::VariableInMount), "{value}");
        }
    }
}
