//! ARG before the first FROM: what a FROM means, and whether it has one place that can be edited.

use std::collections::BTreeMap;

use crate::format::dockerfile::{
    Argument, Dockerfile, ExpandError, Expanded, Instruction, Kind, PLATFORM_ARGUMENTS, Part, Text, Variable,
    expand,
};
use crate::pin::Reason;

/// The arguments that a FROM sees.
pub(super) struct Arguments {
    defaults: BTreeMap<String, Default>,
    /// By name: the first line that uses it for something else than a whole reference.
    other_uses: BTreeMap<String, usize>,
}

/// The default that counts: the last one before the first FROM.
struct Default {
    text: Text,
    line: usize,
    expanded: Result<Expanded, ExpandError>,
    /// An argument in it that differs by platform.
    platform: Option<String>,
}

/// Where the text of a FROM's image is written.
pub(super) enum Origin {
    /// In the FROM itself, up to `end`.
    Here { end: usize },
    /// In the default of an ARG, which is used for nothing else.
    Default { text: Text, end: usize, line: usize },
    /// Not in one place.
    Spread(Reason),
}

impl Arguments {
    pub(super) fn read(file: &Dockerfile) -> Self {
        let mut arguments = Self { defaults: BTreeMap::new(), other_uses: BTreeMap::new() };
        let mut in_stage = false;
        for instruction in &file.instructions {
            in_stage |= matches!(instruction.kind, Kind::From(_));
            match &instruction.kind {
                Kind::Arg(pairs) if !in_stage => {
                    for pair in pairs {
                        arguments.declare(pair, instruction, file.escape);
                    }
                }
                Kind::Arg(pairs) => arguments.handed_down(pairs, instruction),
                Kind::Onbuild(trigger) => {
                    // A stage of this file that is FROM this one runs the trigger, with the arguments of this file.
                    if let Kind::Arg(pairs) = &trigger.kind {
                        arguments.handed_down(pairs, instruction);
                    }
                }
                Kind::From(from) => {
                    let words = [(Some(&from.image), Place::Image), (from.platform.as_ref(), Place::Other)];
                    for (word, place) in words {
                        arguments.uses(word, place, instruction, file.escape);
                    }
                }
                _ => {}
            }
        }
        arguments
    }

    /// What the image of a FROM means, and where it is written.
    pub(super) fn image(&self, word: &Text, escape: char) -> (String, Origin) {
        match self.expand(word, escape) {
            Ok(expanded) => {
                let origin = self.origin(&expanded);
                (expanded.value, origin)
            }
            Err(error) => (String::new(), Origin::Spread(Reason::CannotExpand(error))),
        }
    }

    fn origin(&self, expanded: &Expanded) -> Origin {
        let value = || expanded.value.clone();
        let names: Vec<&String> = expanded.parts.iter().flat_map(names).collect();
        if names.is_empty() {
            return Origin::Here { end: end(&expanded.parts) };
        }
        for name in &names {
            if let Some(Err(error)) = self.defaults.get(*name).map(|default| &default.expanded) {
                return Origin::Spread(Reason::CannotExpand(error.clone()));
            }
            if let Some(name) = self.platform(name) {
                return Origin::Spread(Reason::PlatformArgument { name, value: value() });
            }
        }
        let [Part::Variable(variable)] = expanded.parts.as_slice() else {
            let unset = names.iter().find(|name| !self.is_set(name));
            return Origin::Spread(match unset {
                Some(name) => Reason::ArgumentUnset { name: (*name).clone() },
                None => Reason::Parts { value: value() },
            });
        };
        match (variable.operator, &variable.word) {
            (Some("-" | ":-"), Some(word)) if word.iter().all(is_literal) && !word.is_empty() => {
                Origin::Here { end: end(word) }
            }
            (Some(operator @ ("+" | ":+" | "#" | "%" | "/")), _) | (Some(operator), Some(_)) => {
                let name = variable.name.clone();
                Origin::Spread(Reason::Operator { name, operator, value: value() })
            }
            (None | Some(_), _) => self.default_of(variable, value()),
        }
    }

    fn default_of(&self, variable: &Variable, value: String) -> Origin {
        let name = variable.name.clone();
        let Some(default) = self.defaults.get(&name).filter(|_| !value.is_empty()) else {
            return Origin::Spread(Reason::ArgumentUnset { name });
        };
        let parts = default.expanded.as_ref().map_or(&[][..], |expanded| &expanded.parts);
        if !parts.iter().all(is_literal) {
            return Origin::Spread(Reason::SeveralArguments { name, value });
        }
        if let Some(line) = self.other_uses.get(&name) {
            return Origin::Spread(Reason::ArgumentUsedElsewhere { name, line: *line, value });
        }
        Origin::Default { text: default.text.clone(), end: end(parts), line: default.line }
    }

    fn declare(&mut self, pair: &Argument, instruction: &Instruction, escape: char) {
        self.uses(pair.value.as_ref(), Place::Other, instruction, escape);
        let Some(text) = &pair.value else { return };
        let expanded = self.expand(text, escape);
        let platform = expanded
            .as_ref()
            .map_or(&[][..], |expanded| &expanded.parts)
            .iter()
            .flat_map(names)
            .find_map(|name| self.platform(name));
        let default = Default { text: text.clone(), line: instruction.node.start_line, expanded, platform };
        self.defaults.insert(pair.name.as_str().to_owned(), default);
    }

    /// In a stage, an ARG without a default hands the value to everything there.
    fn handed_down(&mut self, pairs: &[Argument], instruction: &Instruction) {
        for pair in pairs.iter().filter(|pair| pair.value.is_none()) {
            self.other_use(pair.name.as_str(), instruction);
        }
    }

    /// Notes what a word uses. One that asks for an argument of the build (`${V:?}`) is looked at as if it had been given.
    fn uses(&mut self, word: Option<&Text>, place: Place, instruction: &Instruction, escape: char) {
        let Some(word) = word else { return };
        let given = |_| expand(word, escape, &|_| Some("given".to_owned()));
        let Ok(expanded) = self.expand(word, escape).or_else(given) else { return };
        let whole = place == Place::Image && expanded.parts.len() == 1;
        for part in &expanded.parts {
            let Part::Variable(variable) = part else { continue };
            let unchanged = matches!(variable.operator, None | Some("-" | ":-" | "?" | ":?"));
            if !(whole && unchanged) {
                self.other_use(&variable.name, instruction);
            }
            for name in &variable.inner {
                self.other_use(name, instruction);
            }
        }
    }

    fn other_use(&mut self, name: &str, instruction: &Instruction) {
        self.other_uses.entry(name.to_owned()).or_insert(instruction.node.start_line);
    }

    fn expand(&self, word: &Text, escape: char) -> Result<Expanded, ExpandError> {
        expand(word, escape, &|name| self.value(name))
    }

    /// A platform's argument stands for itself: `${TARGETARCH}`.
    fn value(&self, name: &str) -> Option<String> {
        match self.defaults.get(name) {
            Some(default) => default.expanded.as_ref().ok().map(|expanded| expanded.value.clone()),
            None => PLATFORM_ARGUMENTS.contains(&name).then(|| shown(name)),
        }
    }

    fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn platform(&self, name: &str) -> Option<String> {
        match self.defaults.get(name) {
            Some(default) => default.platform.clone(),
            None => PLATFORM_ARGUMENTS.contains(&name).then(|| name.to_owned()),
        }
    }
}

/// Whether `value`, in which platforms' arguments stand for themselves, is `name` on some platform that BuildKit knows.
pub(super) fn may_become(value: &str, name: &str) -> bool {
    fits(value, name, MOST_ARGUMENTS)
}

fn fits(value: &str, name: &str, arguments: usize) -> bool {
    let Some(at) = value.find("${") else { return value == name };
    let (literal, rest) = value.split_at(at);
    let Some(name) = name.strip_prefix(literal) else { return false };
    let found = PLATFORM_ARGUMENTS.iter().find_map(|known| Some((*known, rest.strip_prefix(&shown(known))?)));
    let (Some((argument, rest)), Some(arguments)) = (found, arguments.checked_sub(1)) else { return false };
    let values: &[&str] = match argument {
        "BUILDOS" | "TARGETOS" => &["darwin", "freebsd", "linux", "wasip1", "windows"],
        "BUILDARCH" | "TARGETARCH" => ARCHITECTURES,
        "BUILDVARIANT" | "TARGETVARIANT" => &["", "v2", "v3", "v4", "v5", "v6", "v7", "v8"],
        // A whole platform has a slash in it, which no name of a stage has.
        _ => &[],
    };
    values.iter().any(|value| name.strip_prefix(value).is_some_and(|name| fits(rest, name, arguments)))
}

/// Go's names, as BuildKit's.
const ARCHITECTURES: &[&str] = &[
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
    "riscv64", "s390x", "wasm",
];
/// In one name: each multiplies what must be tried.
const MOST_ARGUMENTS: usize = 6;

/// How an argument stands for itself in a value.
fn shown(name: &str) -> String {
    format!("${{{name}}}")
}

/// Where a word stands.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    Image,
    Other,
}

fn is_literal(part: &Part) -> bool {
    matches!(part, Part::Literal(_))
}

fn names(part: &Part) -> Vec<&String> {
    match part {
        Part::Literal(_) => Vec::new(),
        Part::Variable(variable) => std::iter::once(&variable.name).chain(&variable.inner).collect(),
    }
}

/// Where the last literal part ends.
fn end(parts: &[Part]) -> usize {
    match parts.last() {
        Some(Part::Literal(text)) => text.end(),
        Some(Part::Variable(variable)) => variable.span.end,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::may_become;

    #[test]
    fn values_with_platforms_in_them() {
        for (value, name, want) in [
            ("a-${TARGETOS}", "a-linux", true),
            ("${TARGETOS}-a", "linux-a", true),
            ("a-${TARGETOS}-${TARGETARCH}-b", "a-linux-arm64-b", true),
            ("${TARGETARCH}", "amd64", true),
            ("a-${TARGETOS}", "b-linux", false),
            ("a-${TARGETOS}-b", "a-linux-c", false),
            ("a-${OTHER}", "a-x", false),
            ("base-${TARGETARCH}", "base-builder", false),
            ("${TARGETARCH}${TARGETVARIANT}", "armv7", true),
            ("${TARGETARCH}${TARGETVARIANT}", "amd64", true),
            ("${TARGETPLATFORM}", "linux", false),
            ("a", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(may_become(value, name), want, "{value} {name}");
        }
    }
}
