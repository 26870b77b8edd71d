#!/usr/bin/env python3
"""Writes what BuildKit's parser makes of each file in corpus/ to oracle.jsonl, one line a file, sorted by name.

    python3 -m venv venv && venv/bin/pip install dockerfile==3.4.0 && venv/bin/python oracle.py

The package wraps github.com/moby/buildkit/frontend/dockerfile/parser, v0.12.5. A line is [name, instructions] or [name, null] for a file
that is refused. An instruction is [start line, end line, keyword, trigger of ONBUILD, flags, JSON form, value, heredocs], a heredoc
[name, file descriptor, length of the content in bytes].
"""
import json
import pathlib

import dockerfile

here = pathlib.Path(__file__).parent


def instruction(command):
    heredocs = [[doc.name, doc.file_descriptor, len(doc.content.encode())] for doc in command.heredocs]
    # Of a keyword that it does not know the parser keeps one empty word.
    value = [] if command.cmd.lower() not in dockerfile.all_cmds() else list(command.value)
    return [command.start_line, command.end_line, command.cmd, command.sub_cmd, list(command.flags), command.json,
            value, heredocs]


with open(here / "oracle.jsonl", "w", encoding="utf-8", newline="\n") as out:
    for path in sorted((here / "corpus").iterdir()):
        try:
            found = [instruction(command) for command in dockerfile.parse_file(str(path))]
        except dockerfile.GoParseError:
            found = None
        out.write(json.dumps([path.name, found], ensure_ascii=False, separators=(",", ":")) + "\n")
