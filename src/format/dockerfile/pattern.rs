//! Shell patterns in `${V#…}`, `${V%…}` and `${V/…/…}`: `*` is any text, `?` any character, without brackets
//! (IEEE 1003.1-2017, Shell & Utilities 2.13, as far as BuildKit has it).

use super::ExpandError;
use crate::base::limits;

/// Which of the possible matches is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// The longest.
    Longest,
    /// The shortest.
    Shortest,
}

/// A pattern that was read.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Token>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Token {
    AnyChar,
    AnyText,
    Char(char),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, ExpandError> {
        let mut tokens = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            tokens.push(match char {
                '*' => Token::AnyText,
                '?' => Token::AnyChar,
                '\\' => match chars.peek().copied() {
                    Some(escaped @ ('}' | '/' | '*' | '?' | '\\')) => {
                        chars.next();
                        Token::Char(escaped)
                    }
                    _ => return Err(ExpandError::BadPattern),
                },
                char => Token::Char(char),
            });
        }
        Ok(Self(tokens))
    }

    /// What is left of `value` without the match at its start.
    pub(super) fn without_prefix(&self, value: &str, reach: Reach) -> Result<String, ExpandError> {
        let chars: Vec<char> = value.chars().collect();
        let end = find(&self.0, &chars, Anchor::Start, reach)?.map_or(0, |(_, end)| end);
        Ok(chars.into_iter().skip(end).collect())
    }

    /// What is left of `value` without the match at its end.
    pub(super) fn without_suffix(&self, value: &str, reach: Reach) -> Result<String, ExpandError> {
        let tokens: Vec<Token> = self.0.iter().rev().copied().collect();
        let chars: Vec<char> = value.chars().rev().collect();
        let end = find(&tokens, &chars, Anchor::Start, reach)?.map_or(0, |(_, end)| end);
        Ok(chars.into_iter().skip(end).rev().collect())
    }

    /// `value` with the first match replaced.
    pub(super) fn replace_first(&self, value: &str, with: &str) -> Result<String, ExpandError> {
        let chars: Vec<char> = value.chars().collect();
        Ok(match find(&self.0, &chars, Anchor::Anywhere, Reach::Longest)? {
            Some((start, end)) => {
                let before: String = chars.iter().take(start).collect();
                let after: String = chars.iter().skip(end).collect();
                format!("{before}{with}{after}")
            }
            None => value.to_owned(),
        })
    }

    /// `value` with every match replaced, from left to right. An empty match right after a match does not count (Go `regexp`).
    pub(super) fn replace_all(&self, value: &str, with: &str) -> Result<String, ExpandError> {
        let chars: Vec<char> = value.chars().collect();
        if chars.len().saturating_mul(chars.len()).saturating_mul(self.0.len()) > limits::PATTERN_STEPS {
            return Err(ExpandError::TooLong);
        }
        let (mut out, mut at, mut last_end) = (String::new(), 0, None);
        while at <= chars.len() {
            let rest = chars.get(at..).unwrap_or(&[]);
            let Some((start, end)) = find(&self.0, rest, Anchor::Anywhere, Reach::Longest)? else { break };
            let (start, end) = (at + start, at + end);
            out.extend(chars.get(at..start).unwrap_or(&[]));
            if end > start || last_end != Some(start) {
                out.push_str(with);
            }
            last_end = Some(end);
            at = end;
            if end == start {
                out.extend(chars.get(at));
                at += 1;
            }
            if out.len() > limits::EXPANSION {
                return Err(ExpandError::TooLong);
            }
        }
        out.extend(chars.get(at..).unwrap_or(&[]));
        Ok(out)
    }
}

enum Anchor {
    Anywhere,
    Start,
}

/// The leftmost match and its end, by walking all states of the pattern at once: no pattern takes more than length times length steps.
fn find(
    tokens: &[Token],
    chars: &[char],
    anchor: Anchor,
    reach: Reach,
) -> Result<Option<(usize, usize)>, ExpandError> {
    if tokens.len().saturating_mul(chars.len()) > limits::PATTERN_STEPS {
        return Err(ExpandError::TooLong);
    }
    // `states[i]`: the leftmost start from which the first i tokens match up to here.
    let mut states: Vec<Option<usize>> = vec![None; tokens.len() + 1];
    let mut best: Option<(usize, usize)> = None;
    for at in 0..=chars.len() {
        if let Some(first) = states.first_mut()
            && (at == 0 || matches!(anchor, Anchor::Anywhere))
            && first.is_none_or(|start| start > at)
        {
            *first = Some(at);
        }
        for (i, token) in tokens.iter().enumerate() {
            if *token == Token::AnyText
                && let Some(start) = states.get(i).copied().flatten()
            {
                lower(&mut states, i + 1, start);
            }
        }
        if let Some(start) = states.last().copied().flatten() {
            let better =
                best.is_none_or(|(known, _)| start < known || start == known && reach == Reach::Longest);
            if better {
                best = Some((start, at));
            }
        }
        let Some(char) = chars.get(at) else { break };
        let mut next = vec![None; tokens.len() + 1];
        for (i, token) in tokens.iter().enumerate() {
            let Some(start) = states.get(i).copied().flatten() else { continue };
            match token {
                Token::AnyText if *char != '\n' => lower(&mut next, i, start),
                Token::AnyChar if *char != '\n' => lower(&mut next, i + 1, start),
                Token::Char(want) if want == char => lower(&mut next, i + 1, start),
                Token::AnyChar | Token::AnyText | Token::Char(_) => {}
            }
        }
        states = next;
    }
    Ok(best)
}

fn lower(states: &mut [Option<usize>], at: usize, start: usize) {
    if let Some(state) = states.get_mut(at)
        && state.is_none_or(|known| known > start)
    {
        *state = Some(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_suffixes() {
        use Reach::{Longest, Shortest};
        for (value, pattern, reach, prefix, suffix) in [
            ("a/b/c", "*/", Shortest, "b/c", "a/b/c"),
            ("a/b/c", "*/", Longest, "c", "a/b/c"),
            ("a/b/c", "/*", Shortest, "a/b/c", "a/b"),
            ("a/b/c", "/*", Longest, "a/b/c", "a"),
            ("abc", "?", Shortest, "bc", "ab"),
            ("abc", "", Longest, "abc", "abc"),
            ("abc", "*", Longest, "", ""),
            ("abc", "*", Shortest, "abc", "abc"),
            ("a*c", "a\\*", Longest, "c", "a*c"),
            ("é.", ".", Longest, "é.", "é"),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.without_prefix(value, reach).unwrap(), prefix, "{value} {pattern} prefix");
            assert_eq!(parsed.without_suffix(value, reach).unwrap(), suffix, "{value} {pattern} suffix");
        }
    }

    #[test]
    fn replacements() {
        for (value, pattern, first, all) in [
            ("3.20.1", ".", "3-20.1", "3-20-1"),
            ("aaa", "a*", "-", "-"),
            ("abab", "b", "a-ab", "a-a-"),
            ("abc", "", "-abc", "-a-b-c-"),
            ("abc", "*", "-", "-"),
            ("abc", "x", "abc", "abc"),
            ("xaybz", "a?b", "x-z", "x-z"),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.replace_first(value, "-").unwrap(), first, "{value} {pattern}");
            assert_eq!(parsed.replace_all(value, "-").unwrap(), all, "{value} {pattern}");
        }
    }

    #[test]
    fn refuses_other_escapes_and_too_much_work() {
        assert_eq!(Pattern::parse("a\\b").unwrap_err(), ExpandError::BadPattern);
        assert_eq!(Pattern::parse("\\").unwrap_err(), ExpandError::BadPattern);
        let long = "a".repeat(4096);
        let pattern = Pattern::parse(&"*a".repeat(2000)).unwrap();
        assert_eq!(pattern.without_prefix(&long, Reach::Longest), Err(ExpandError::TooLong));
    }
}
