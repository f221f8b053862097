"""The rules of conversations: what is taken, what is told, and when two are the same."""

import hashlib

import pytest

from annotation.conversations import Message, alternates, as_chat, digest, read_messages


def user(text="Hi"):
    return {"role": "user", "content": text}


def assistant(text="Hello."):
    return {"role": "assistant", "content": text}


def system(text="Be brief."):
    return {"role": "system", "content": text}


def taken(*messages):
    found, faults = read_messages(list(messages))
    assert faults == []
    return found


def faults(value):
    found, wrong = read_messages(value)
    assert found == ()
    return [f"{where}: {what}" for where, what in wrong]


class TestReadMessages:
    def test_takes_a_conversation_as_it_came(self):
        chat = [system(), user("    a\n b "), assistant(), user("Why?")]
        assert as_chat(taken(*chat)) == chat

    def test_evens_out_line_ends(self):
        assert taken(user("a\r\nb\rc"))[0].text == "a\nb\nc"

    def test_tolerates_turns_that_do_not_alternate(self):
        assert len(taken(assistant("Welcome."), user(), user("And?"))) == 3

    @pytest.mark.parametrize(
        ("value", "fault"),
        [
            ("Hi", "messages: expected a list"),
            ({"role": "user"}, "messages: expected a list"),
            ([], "messages: is empty"),
            ([user()] * 1001, "messages: has 1,001 turns"),
            ([user("x" * 60_000), assistant(), user("x" * 60_000)], "messages: has 120,006 characters"),
            (["Hi"], "messages, turn 1: expected an object"),
            ([{"content": "Hi"}], "messages, turn 1: has no role"),
            ([{"role": "user"}], "messages, turn 1: has no content"),
            ([{"role": "tool", "content": "Hi"}, user()], "messages, turn 1: “tool” is no role"),
            ([{"role": ["user"], "content": "Hi"}], 'messages, turn 1: “["user"]” is no role'),
            ([user() | {"name": "Ann"}], "messages, turn 1: unknown field “name”"),
            ([user(["Hi"])], "messages, turn 1: expected a text as content, found a list"),
            ([user(" \u200b ")], "messages, turn 1: is empty"),
            ([user("a\x00")], "messages, turn 1: has a character"),
            ([user(), system(), user()], "messages, turn 2: a system message stands once"),
            ([system(), system(), user()], "messages, turn 2: a system message stands once"),
            ([user(), assistant()], "messages, turn 2: the last turn must be the user's"),
            ([system()], "messages, turn 1: the last turn must be the user's"),
        ],
    )
    def test_says_what_is_wrong_and_where(self, value, fault):
        found = faults(value)
        assert len(found) == 1 and found[0].startswith(fault)

    def test_names_every_fault(self):
        found = faults([user(""), assistant(), {"role": "bot", "content": 5}])
        assert [fault.split(":")[0] for fault in found] == [
            "messages, turn 1",
            "messages, turn 3",
            "messages, turn 3",
        ]


class TestDigest:
    def test_of_a_single_question_is_that_of_its_text(self):
        assert digest([Message("user", "How?")]) == hashlib.sha256(b"How?").hexdigest()

    def test_is_the_same_for_twins(self):
        one = taken(system("Be brief.\n"), user("Cafe\u0301?"), assistant("a\r\nb"), user("Why?"))
        other = taken(system("Be\u200b brief."), user("Café?  "), assistant("a\nb"), user("\ufeffWhy?"))
        assert digest(one) == digest(other)

    @pytest.mark.parametrize(
        "other",
        [
            [user("Why?")],
            [user("Hi"), assistant("Hello."), user("Why?")],
            [system("Be kind."), user("Hi"), assistant("Hello."), user("Why?")],
            [system("Be brief."), user("Hi"), user("Hello."), user("Why?")],
            [system("Be brief."), user("Hi"), assistant("Hello."), user("Why not?")],
        ],
    )
    def test_tells_conversations_apart(self, other):
        assert digest(taken(system(), user(), assistant(), user("Why?"))) != digest(taken(*other))


class TestAlternates:
    @pytest.mark.parametrize(
        ("chat", "answer"),
        [
            ([user()], True),
            ([system(), user(), assistant(), user()], True),
            ([user(), user()], False),
            ([assistant(), user()], False),
        ],
    )
    def test_says_whether_user_and_assistant_take_turns(self, chat, answer):
        assert alternates(taken(*chat)) is answer
