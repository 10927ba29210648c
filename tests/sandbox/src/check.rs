//! Checks a JSON body field by field and names the path of the first field that is wrong, never its value.

use serde_json::Value;

/// Why a body is refused: 400 where its shape is wrong, 422 where a value is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) path: String,
    pub(crate) problem: String,
}

/// A place in a body, which may be empty.
pub(crate) struct Field<'a> {
    path: String,
    value: Option<&'a Value>,
}

impl<'a> Field<'a> {
    pub(crate) fn root(value: &'a Value) -> Self {
        Self {
            path: String::new(),
            value: Some(value),
        }
    }

    /// The field's value, where there is one that isn't null.
    pub(crate) fn present(self) -> Option<Self> {
        self.value
            .is_some_and(|value| !value.is_null())
            .then_some(self)
    }

    pub(crate) fn refuse(&self, status: u16, problem: impl Into<String>) -> Refusal {
        let path = if self.path.is_empty() {
            "body".to_owned()
        } else {
            self.path.clone()
        };
        Refusal {
            status,
            path,
            problem: problem.into(),
        }
    }

    fn wrong(&self, expected: &str) -> Refusal {
        match self.value {
            None => self.refuse(400, "is missing"),
            Some(_) => self.refuse(400, format!("must be {expected}")),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Field<'a> {
        let path = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        };
        Field {
            path,
            value: self.value.and_then(|value| value.get(name)),
        }
    }

    /// An object with no fields but the known ones.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self
            .entries()?
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            Some((_, unknown)) => Err(unknown.refuse(400, "is not a known field")),
            None => Ok(()),
        }
    }

    pub(crate) fn entries(&self) -> Result<Vec<(&'a String, Field<'a>)>, Refusal> {
        let object = self
            .value
            .and_then(Value::as_object)
            .ok_or_else(|| self.wrong("an object"))?;
        Ok(object.keys().map(|name| (name, self.get(name))).collect())
    }

    pub(crate) fn items(&self) -> Result<Vec<Field<'a>>, Refusal> {
        let array = self
            .value
            .and_then(Value::as_array)
            .ok_or_else(|| self.wrong("an array"))?;
        let items = array.iter().enumerate();
        Ok(items
            .map(|(i, value)| Field {
                path: format!("{}[{i}]", self.path),
                value: Some(value),
            })
            .collect())
    }

    pub(crate) fn some_items(&self) -> Result<Vec<Field<'a>>, Refusal> {
        let items = self.items()?;
        if items.is_empty() {
            Err(self.refuse(400, "must not be empty"))
        } else {
            Ok(items)
        }
    }

    pub(crate) fn string(&self) -> Result<&'a str, Refusal> {
        self.value
            .and_then(Value::as_str)
            .ok_or_else(|| self.wrong("a string"))
    }

    /// A string that isn't empty.
    pub(crate) fn text(&self) -> Result<&'a str, Refusal> {
        let text = self.string()?;
        if text.is_empty() {
            Err(self.refuse(400, "must not be empty"))
        } else {
            Ok(text)
        }
    }

    pub(crate) fn texts(&self) -> Result<Vec<String>, Refusal> {
        self.items()?
            .iter()
            .map(|item| item.text().map(str::to_owned))
            .collect()
    }

    pub(crate) fn exactly(&self, expected: &str) -> Result<(), Refusal> {
        if self.text()? == expected {
            Ok(())
        } else {
            Err(self.refuse(422, format!("must be {expected}")))
        }
    }

    pub(crate) fn timestamp(&self) -> Result<(), Refusal> {
        match self.text()?.parse::<jiff::Timestamp>() {
            Ok(_) => Ok(()),
            Err(_) => Err(self.refuse(422, "must be an RFC 3339 timestamp with an offset")),
        }
    }

    pub(crate) fn url(&self) -> Result<(), Refusal> {
        let url = self.text()?;
        match url.split_once("://") {
            Some(("http" | "https", rest)) if !rest.is_empty() && !rest.starts_with('/') => Ok(()),
            _ => Err(self.refuse(422, "must be an http or https URL")),
        }
    }

    pub(crate) fn whole(&self) -> Result<u64, Refusal> {
        self.value
            .and_then(Value::as_u64)
            .ok_or_else(|| self.wrong("a whole number, not negative"))
    }

    pub(crate) fn boolean(&self) -> Result<bool, Refusal> {
        self.value
            .and_then(Value::as_bool)
            .ok_or_else(|| self.wrong("true or false"))
    }

    /// A polarity, as text or as a number, from -1 to 1.
    pub(crate) fn polarity(&self) -> Result<(), Refusal> {
        let polarity = match self.value {
            Some(Value::Number(number)) => number.as_f64(),
            _ => self.text()?.parse::<f64>().ok(),
        };
        match polarity {
            Some(polarity) if (-1.0..=1.0).contains(&polarity) => Ok(()),
            _ => Err(self.refuse(422, "must be a number from -1 to 1")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_path_of_the_wrong_field_is_named() {
        let body = json!({"a": {"b": [{"c": "x"}, {"c": ""}]}});
        let second = &Field::root(&body).get("a").get("b").items().unwrap()[1];
        assert_eq!(second.get("c").text().unwrap_err().path, "a.b[1].c");
    }

    #[test]
    fn a_missing_field_is_told_apart_from_a_wrong_one() {
        let body = json!({"wrong": 1});
        assert_eq!(
            Field::root(&body)
                .get("missing")
                .text()
                .unwrap_err()
                .problem,
            "is missing"
        );
        assert_eq!(
            Field::root(&body).get("wrong").text().unwrap_err().problem,
            "must be a string"
        );
    }

    proptest! {
        #[test]
        fn a_value_is_never_echoed(secret in "[a-z]{12}") {
            let body = json!({"field": secret});
            let field = || Field::root(&body).get("field");
            let refusals = [
                field().timestamp().unwrap_err(), field().url().unwrap_err(), field().polarity().unwrap_err(),
                field().whole().unwrap_err(), field().exactly("other").unwrap_err(), field().boolean().unwrap_err(),
            ];
            for refusal in refusals {
                prop_assert!(!refusal.problem.contains(&secret) && !refusal.path.contains(&secret));
            }
        }
    }
}
