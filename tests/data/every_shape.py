"""One record of every shape that people publish, and the row that it must give, written out by hand."""

from engine.data.rows import Conversation, Feedback, Message, Preference, Text


def user(text):
    return Message("user", text)


def assistant(text):
    return Message("assistant", text)


def system(text):
    return Message("system", text)


def tool(text):
    return Message("tool", text)


TURNS = (user("Hi, «you»"), assistant("Hello\nthere"), user("Bye"), assistant("Bye, now"))
MESSAGES = [{"role": m.role, "content": m.content} for m in TURNS]
SHAREGPT = [{"from": "human" if m.role == "user" else "gpt", "value": m.content} for m in TURNS]
PROMPT = [{"role": "user", "content": "Q"}]
GOOD, BAD = [{"role": "assistant", "content": "yes"}], [{"role": "assistant", "content": "no"}]
PAIR = Preference(1, (user("Q"),), (assistant("yes"),), (assistant("no"),))
HH = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Q\n\nAssistant: "

EVERY_ROLE = [
    {"from": "system", "value": "Be kind"},
    {"from": "human", "value": "Q1"},
    {"from": "function_call", "value": '{"name": "look"}'},
    {"from": "observation", "value": "seen"},
    {"from": "gpt", "value": "A1"},
    {"from": "user", "value": "Q2"},
    {"from": "tool_call", "value": "look"},
    {"from": "tool", "value": "seen again"},
    {"from": "model", "value": "A2"},
    {"from": "Human", "value": "Q3"},
    {"from": "assistant", "value": "A3"},
]
EVERY_ROLE_READ = (
    system("Be kind"), user("Q1"), assistant('{"name": "look"}'), tool("seen"), assistant("A1"), user("Q2"),
    assistant("look"), tool("seen again"), assistant("A2"), user("Q3"), assistant("A3"),
)  # fmt: skip
WITH_TOOL = [
    {"role": "developer", "content": "Be kind"},
    {"role": "user", "content": "Q"},
    {"role": "assistant", "content": "I look."},
    {"role": "tool", "content": "seen"},
    {"role": "assistant", "content": "A"},
]
WITH_TOOL_READ = (system("Be kind"), user("Q"), assistant("I look."), tool("seen"), assistant("A"))
FACTORY = {
    "conversations": [{"from": "human", "value": "Q"}],
    "chosen": {"from": "gpt", "value": "yes"},
    "rejected": {"from": "gpt", "value": "no"},
}

SHAPES = {
    "alpaca": (
        {"instruction": "Add", "input": "1, 2", "output": "3"},
        Conversation(1, (user("Add\n\n1, 2"), assistant("3"))),
    ),
    "alpaca with system and history": (
        {
            "instruction": "Bye",
            "input": "",
            "output": "Bye, now",
            "system": "Be kind",
            "history": [["Hi, «you»", "Hello\nthere"]],
        },
        Conversation(1, (system("Be kind"), *TURNS)),
    ),
    "alpaca with an empty history": (
        {"instruction": "Add", "input": "1, 2", "output": "3", "system": "", "history": []},
        Conversation(1, (user("Add\n\n1, 2"), assistant("3"))),
    ),
    "alpaca beside its whole text": (
        {"instruction": "Say hi", "input": "", "output": "hi", "text": "Below is an instruction: Say hi"},
        Conversation(1, (user("Say hi"), assistant("hi"))),
    ),
    "alpaca without input": (
        {"instruction": "Say hi", "input": "", "output": "hi"},
        Conversation(1, (user("Say hi"), assistant("hi"))),
    ),
    "instruction and response": (
        {"instruction": "Say hi", "response": "hi"},
        Conversation(1, (user("Say hi"), assistant("hi"))),
    ),
    "dolly": (
        {"instruction": "Who?", "context": "Ann wrote it.", "response": "Ann", "category": "qa"},
        Conversation(1, (user("Who?\n\nAnn wrote it."), assistant("Ann"))),
    ),
    "prompt and completion": (
        {"prompt": "Q", "completion": "A"},
        Conversation(1, (user("Q"), assistant("A"))),
    ),
    "prompt and response with system": (
        {"system": "Be kind", "prompt": "Q", "response": "A"},
        Conversation(1, (system("Be kind"), user("Q"), assistant("A"))),
    ),
    "question and answer": ({"question": "Q", "answer": "A"}, Conversation(1, (user("Q"), assistant("A")))),
    "flan": ({"inputs": "Q", "targets": "A"}, Conversation(1, (user("Q"), assistant("A")))),
    "flan with its task": (
        {
            "inputs": "Q",
            "targets": "A",
            "task_source": "Flan2021",
            "task_name": "xsum",
            "template_type": "zs",
        },
        Conversation(1, (user("Q"), assistant("A"))),
    ),
    "prompt and response": ({"prompt": "Q", "response": "A"}, Conversation(1, (user("Q"), assistant("A")))),
    "upper case": ({"Question": "Q", "Answer": "A"}, Conversation(1, (user("Q"), assistant("A")))),
    "messages": ({"messages": MESSAGES}, Conversation(1, TURNS)),
    "sharegpt": ({"conversations": SHAREGPT}, Conversation(1, TURNS)),
    "sharegpt with its number": ({"id": "x_0", "conversations": SHAREGPT}, Conversation(1, TURNS)),
    "sharegpt with every role": ({"conversations": EVERY_ROLE}, Conversation(1, EVERY_ROLE_READ)),
    "messages with a tool": ({"messages": WITH_TOOL}, Conversation(1, WITH_TOOL_READ)),
    "messages with a system column": (
        {"system": "Be kind", "messages": MESSAGES},
        Conversation(1, (system("Be kind"), *TURNS)),
    ),
    "prompt and completion as messages": (
        {"prompt": PROMPT, "completion": GOOD},
        Conversation(1, (user("Q"), assistant("yes"))),
    ),
    "text": ({"text": "Once upon\na time"}, Text(1, "Once upon\na time")),
    "pair": ({"prompt": "Q", "chosen": "yes", "rejected": "no"}, PAIR),
    "pair as messages": ({"prompt": PROMPT, "chosen": GOOD, "rejected": BAD}, PAIR),
    "pair with implicit prompt": ({"chosen": PROMPT + GOOD, "rejected": PROMPT + BAD}, PAIR),
    "llama-factory pair": (FACTORY, PAIR),
    "ultrafeedback, binarized": (
        {
            "prompt": "Q",
            "prompt_id": "f0e37e9f",
            "chosen": PROMPT + GOOD,
            "rejected": PROMPT + BAD,
            "messages": PROMPT + GOOD,
            "score_chosen": 6.0,
            "score_rejected": 5.5,
        },
        PAIR,
    ),
    "ultrafeedback": ({"prompt": "Q", "chosen": PROMPT + GOOD, "rejected": PROMPT + BAD}, PAIR),
    "orca pair": (
        {"system": "Be kind", "question": "Q", "chosen": "yes", "rejected": "no"},
        Preference(1, (system("Be kind"), user("Q")), (assistant("yes"),), (assistant("no"),)),
    ),
    "argilla pair with all its columns": (
        {
            "system": "",
            "input": "Q",
            "chosen": "yes",
            "rejected": "no",
            "generations": ["yes", "no"],
            "order": ["a", "b"],
            "rating": [5, 2],
            "status": "unchanged",
        },
        PAIR,
    ),
    "pair with implicit prompt and system": (
        {
            "chosen": [{"role": "system", "content": "Be kind"}, *PROMPT, *GOOD],
            "rejected": [{"role": "system", "content": "Be kind"}, *PROMPT, *BAD],
        },
        Preference(1, (system("Be kind"), user("Q")), (assistant("yes"),), (assistant("no"),)),
    ),
    "argilla pair": ({"input": "Q", "chosen": "yes", "rejected": "no"}, PAIR),
    "instruction, input and pair": (
        {"instruction": "Q", "input": "x", "chosen": "yes", "rejected": "no"},
        Preference(1, (user("Q\n\nx"),), (assistant("yes"),), (assistant("no"),)),
    ),
    "feedback": (
        {"prompt": "Q", "completion": "A", "label": True},
        Feedback(1, (user("Q"),), (assistant("A"),), True),
    ),
    "feedback with a number": (
        {"prompt": "Q", "completion": "A", "label": 0},
        Feedback(1, (user("Q"),), (assistant("A"),), False),
    ),
    "feedback with the number one": (
        {"prompt": "Q", "completion": "A", "label": 1},
        Feedback(1, (user("Q"),), (assistant("A"),), True),
    ),
    "feedback with a word for false": (
        {"prompt": "Q", "completion": "A", "label": "false"},
        Feedback(1, (user("Q"),), (assistant("A"),), False),
    ),
    "feedback with a tag": (
        {"messages": PROMPT + GOOD, "kto_tag": False},
        Feedback(1, (user("Q"),), (assistant("yes"),), False),
    ),
    "feedback with a word": (
        {"system": "Be kind", "instruction": "Q", "output": "A", "kto_tag": "true"},
        Feedback(1, (system("Be kind"), user("Q")), (assistant("A"),), True),
    ),
    "feedback with thumbs": (
        {"question": "Q", "answer": "A", "label": "👎"},
        Feedback(1, (user("Q"),), (assistant("A"),), False),
    ),
    "feedback as messages": (
        {"prompt": PROMPT, "completion": GOOD, "label": False},
        Feedback(1, (user("Q"),), (assistant("yes"),), False),
    ),
    "feedback on a conversation": (
        {"messages": MESSAGES, "kto_tag": True},
        Feedback(1, TURNS[:-1], TURNS[-1:], True),
    ),
    "transcripts": (
        {"chosen": HH + "Yes please", "rejected": HH + "Yes, no"},
        Preference(
            1,
            (user("Hi"), assistant("Hello"), user("Q")),
            (assistant("Yes please"),),
            (assistant("Yes, no"),),
        ),
    ),
}
