"""What the condition language refuses: attacks, slips of the pen, and other languages, each with its code."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import pytest

from syncara.core.errors import ConditionError
from syncara.core.expressions import compile_condition

LINES = {
    "syntax": r"""
        context.x = 5
        context.x := 5
        (n := 5)
        context.x === 5
        context.x !== 5
        context.x <> 5
        context.x => 5
        context.x =< 5
        context.x && context.y
        context.x || context.y
        !context.x
        context.x AND context.y
        context.x OR context.y
        NOT context.x
        context.x & 1
        context.x | 1
        context.x += 1
        context.x ==
        == 5
        context.x == == 5
        context.x !
        context.
        .x
        context..x
        1 2
        context.x > 5 5
        (1
        1)
        [1
        (1]
        {1: 2
        )(
        len(
        a[
        context['x'
        context.x is is None
        not
        --
        ~
        if context.x
        context.x if
        context.x if True
        1 if 2 else
        import os
        def f(): pass
        del context.x
        return True
        while True: pass
        context.x is equal to 5
        context.x > 10 but
        *context
        lambda
        yield = 1
        None = 1
        max(1, 2, key=len)
        context.get(key='x')
        """,
    "placeholder": r"""
        {context.user_count} > 10
        '{context.name}' == 'Ana'
        {{ context.x }}
        { context.x }
        {steps.Load.data} == 1
        'x{steps.Load Users.status}' == ''
        f'{context}'
        f"{context.x}" == ''
        """,
    "bad_character": r"""
        context.x ? 1 : 2
        a; b
        context.x # note
        $context.x
        `id`
        context.größe > 1
        “a” == context.x
        context.a ≥ 3
        context\.x
        😀
        """,
    "bad_text": r"""
        'a
        "a
        'a\
        '\d' == 'd'
        '\x41' == 'A'
        '\u0041' == 'A'
        '\N{DASH}' == '-'
        '\400' == ''
        '\ud800' == ''
        context.x == 'it's'
        """,
    "bad_number": r"""
        0x1F > 1
        0b11 > 1
        0o17 > 1
        1_000 > 1
        1__0 > 1
        1j == 1
        007 == 7
        1if 1 else 2
        1or 2
        0xfor 1
        1.2.3 > 1
        1..real
        1.real
        10am == 1
        5GB > 1
        1e5x > 0
        context.items.0.name == 1
        """,
    "reserved_word": r"""
        context.class == 1
        context.from == 'a'
        context.in
        context.None == 1
        context.user.is
        steps.import.status == 'completed'
        """,
    "not_a_condition": r"""
        'context.x > 5'
        "yes"
        1, 2
        ()
        []
        [context.x]
        (context.x == 1, context.y == 2)
        {'a': 1}
        {1, 2}
        context.x > 1,
        """,
    "unknown_name": r"""
        user_count > 10
        ctx.x
        contxt.x
        __import__
        __builtins__
        __debug__
        context.x == completed
        item == 1
        self.x
        os.system
        TRUE
        undefined
        NaN
        len
        globals
        True and x
        """,
    "unknown_function": r"""
        __import__('os')
        eval('1')
        exec('1')
        open('passwd')
        compile('1', '', 'eval')
        globals()
        locals()
        type(context)
        getattr(context, 'x')
        setattr(context, 'x', 1)
        isinstance(context, dict)
        range(10**10)
        sum(range(10**10))
        sorted(context)
        print(1)
        exit()
        breakpoint()
        memoryview(context)
        bytearray(10**10)
        pow(9, 10**9)
        map(len, context)
        format(1, '999999999d')
        context('x')
        steps('A')
        lne(context)
        repr(context)
        reversed(context)
        """,
    "unknown_method": r"""
        __import__('os').system('id')
        open('passwd').read()
        context.update({'x': 1})
        context.clear()
        context.pop('x')
        context.popitem()
        context.setdefault('x', 1)
        context.copy()
        context.l.append(1)
        context.l.extend([1])
        context.l.insert(0, 1)
        context.l.remove(1)
        context.l.sort()
        steps.A.data.clear()
        '{0.__class__}'.format(1)
        '%s'.__mod__(1)
        'a'.join(context)
        'a'.replace('a', 'b')
        'a'.ljust(10**9)
        'a'.zfill(10**9)
        'a'.encode()
        'a'.translate(context)
        'a'.expandtabs(10**9)
        context.__class__()
        context.__getitem__('x')
        context.__setitem__('x', 1)
        ().__class__.__subclasses__()
        context.has_key('x')
        (1).to_bytes(10**9)
        context.x.contains('a')
        """,
    "wrong_arguments": r"""
        len()
        len(context, 1)
        context.get()
        context.get('a', 1, 2)
        context.keys(1)
        int('1', 16)
        round(1, 2, 3)
        sum(context.l, [])
        min()
        'a'.lower(1)
        'a'.startswith('a', 1)
        'a,b'.split(',', 1)
        context.l.count()
        bool()
        """,
    "cannot_evaluate": r"""
        9**9**9
        9**9**9**9
        2**257
        10**100 > 1
        2**-9999
        1.5 ** 10**9
        2.0**256 ** 2
        1/0
        1 % 0
        0**-1
        (-8)**0.5 == 1
        None > 10
        'a' > 1
        1 < 2 < 'a'
        'a' + 1
        'a' * 100000
        1000000000 * 'a'
        [0] * 10**9
        [[1] * 3] * 3
        -'a'
        [1] - [1]
        int('x')
        int(None)
        int(1e308) > 1
        float('x')
        round(1, 10**9)
        round(5, -10**9)
        len(5)
        abs('a')
        sum('abc')
        max([])
        min(1, 'a')
        str([1]) == ''
        any(5)
        'a'.get('b')
        [1].lower()
        'a'.startswith(1)
        'a'.split('')
        [1][5]
        'abc'[9]
        [1]['a']
        [1][1.5]
        [1][::0]
        5[0]
        None['a']
        (1).x
        'a'.x == 1
        {'a': 1}['b']
        {'a': 1}[[1]]
        {[1]}
        {[1]: 2}
        1 in 5
        1 in 'a'
        [1] in {1}
        context.x or 1/0
        context.x > 9**9**9
        """,
    "not_allowed": r"""
        lambda: 1
        lambda x: x
        (lambda: 1)()
        [x for x in context]
        {x for x in context}
        {x: 1 for x in context}
        x for x in context
        any(x > 1 for x in context.l)
        f'{1}'
        F'a'
        rb'a'
        b'a' == 'a'
        r'a' == 'a'
        t'a'
        len(*context)
        len(**context)
        [*context]
        {*context}
        {**context}
        (*context, 1)
        await context
        (yield)
        (yield from context)
        context.__class__
        context.__class__.__bases__
        ().__class__.__bases__[0]
        ''.__class__
        steps.__init__.__globals__
        (1).__class__
        context.__x
        '%s' % 1
        '%999999999d' % 1
        '%s' % (1, 2)
        ~1
        context.x ^ 1
        1 @ 2
        1 << 999999999
        1 >> 1
        context.x is 5
        context.x is not 5
        context.x is context.y
        'a' is 1
        () is ()
        context.get('x')()
        context['x']()
        (1)()
        [1]()
        ...
        context[...]
        """,
}
OTHERS: list[tuple[str, Any]] = [
    *(("not_text", value) for value in (None, 5, True, b"context.x", ["context.x"], {"a": 1})),
    *(("empty", text) for text in ("", " ", "\n\t ", "\u3000")),
    *(("bad_character", f"context.x{odd}") for odd in "\x00\x0c\x1b\xa0\u202e\ufeff\ud800\udfff"),
    *(("bad_character", text) for text in ("\uff43ontext.x", "\x00", "\ud800", "\\\n1")),
    *(
        ("bad_text", text)
        for text in ("'a\nb'", "'a\x00b' == ''", "'\ud800' == ''", "'''a\nb''' == 1", "'a\\\nb' == 1")
    ),
    ("number_too_large", "9" * 100 + " > 1"),
    ("number_too_large", "9" * 1_990),
    ("number_too_large", str(2**256)),
    ("number_too_large", "-" + "9" * 80 + " < 0"),
    ("number_too_large", "1e999 > 1"),
    ("number_too_large", "context.x == 1e400"),
    ("too_long", "(" * 10_000_000),
    ("too_long", "[" * 10_000_000 + "]" * 10_000_000),
    ("too_long", "1+" * 5_000_000 + "1"),
    ("too_long", "not " * 1_000_000 + "True"),
    ("too_long", "lambda:" * 100_000),
    ("too_long", "9" * 10_000_000),
    ("too_long", "'" + "a" * 2_000 + "'"),
    ("too_long", "\x00" * 3_000),
    ("too_long", "\ud800" * 3_000),
    ("too_complex", "(" * 31 + "1" + ")" * 31),
    ("too_complex", "(" * 999 + "1" + ")" * 999),
    ("too_complex", "[" * 2_000),
    ("too_complex", "{" * 2_000),
    ("too_complex", "min(" * 31 + "1" + ")" * 31),
    ("too_complex", "-" * 1_999 + "1"),
    ("too_complex", "~" * 1_999 + "1"),
    ("too_complex", "-" * 31 + "1"),
    ("too_complex", "not " * 490 + "True"),
    ("too_complex", "1" + "+1" * 40),
    ("too_complex", "1" + "+1" * 249),
    ("too_complex", "2**" * 100 + "2"),
    ("too_complex", "1<" * 600 + "1"),
    ("too_complex", "1 if 1 else " * 60 + "1"),
    ("too_complex", "context" + ".a" * 40),
    ("too_complex", "context" + "[0]" * 40),
    ("too_complex", "context" + ".get('a')" * 35),
    ("too_complex", "1 in [" + ",".join(["1"] * 240) + "]"),
    ("too_complex", " and ".join(["context.a.b"] * 100)),
]
REFUSED = [
    (code, line.strip()) for code, block in LINES.items() for line in block.splitlines() if line.strip()
] + OTHERS


@pytest.mark.parametrize(("code", "text"), REFUSED, ids=range(len(REFUSED)))
def test_a_text_outside_the_language_is_refused_with_its_code(code: str, text: Any) -> None:
    """Compiling raises ConditionError with a code, a fix, an example, and a column inside the text; nothing else."""
    with pytest.raises(ConditionError) as caught:
        compile_condition(text)

    assert code == caught.value.code
    assert caught.value.fix
    assert caught.value.example
    assert isinstance(text, str) is False or 1 <= caught.value.column <= len(text) + 1
    assert len(str(caught.value)) <= 700


def test_the_corpus_is_large() -> None:
    """Every code has its refusals, and there are hundreds."""
    assert len(set(map(repr, REFUSED))) == len(REFUSED) >= 300


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("context.x = 5", 11),
        ("context.x > 5 AND context.y", 15),
        ("  foo > 1", 3),
        ("'größe ☃' + foo == 'x'", 13),
        ("context.x > 5 and\n  foo", 21),
        ("context.x.replace('a', 'b')", 11),
        ("context.x and context.__class__", 23),
        ("(context.x", 1),
        ("context.x)", 10),
        ("context.x > 'a", 13),
        ("context.x > 0x10", 13),
        ("context.x in (1, 2, lambda: 1)", 21),
        ("context.x >", 12),
    ],
)
def test_the_column_points_at_the_place(text: str, column: int) -> None:
    """Columns count characters from 1, whatever stands before."""
    with pytest.raises(ConditionError) as caught:
        compile_condition(text)

    assert column == caught.value.column
    assert f"column {column}" == caught.value.where


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("context.x = 5", "write =="),
        ("context.x && context.y", "write and"),
        ("context.x OR context.y", "write or"),
        ("!context.x", "write not"),
        ("user_count > 10", "context.get('user_count')"),
        ("contxt.x", "Did you mean 'context'?"),
        ("lne(context.x)", "Did you mean 'len'?"),
        ("context.x.lowr()", "Did you mean 'lower'?"),
        ("len", "call it: len(...)"),
        ("context.class", "['class']"),
        ("context.items.0.name", "[0]"),
        ("context.x is 'a'", "write =="),
        ("context.x is not 'a'", "write !="),
        ("{context.count} > 10", "leave out the braces"),
        ("context.x ? 1 : 2", "if test else"),
    ],
)
def test_a_refusal_offers_the_way_out(text: str, fix: str) -> None:
    """The fix names what to write instead, the nearest name included."""
    with pytest.raises(ConditionError) as caught:
        compile_condition(text)

    assert fix in caught.value.fix


def test_every_example_in_a_refusal_is_a_condition() -> None:
    """What a refusal shows as an example compiles."""
    with pytest.raises(ConditionError) as caught:
        compile_condition("nonsense")

    assert {("context", "user_count"), ("steps", "Load Users")} == compile_condition(caught.value.example).reads


def test_a_caller_deep_in_its_own_stack_gets_no_recursion_error() -> None:
    """With hardly any stack left, a condition is refused as too complex."""
    codes = []

    def descend(frames: int) -> None:
        if frames:
            descend(frames - 1)
            return
        with pytest.raises(ConditionError) as caught:
            compile_condition("not context.deep[" + "[" * 20 + "1" + "]" * 20 + "]")
        codes.append(caught.value.code)

    descend(sys.getrecursionlimit() - len(inspect.stack(0)) - 35)

    assert ["too_complex"] == codes
