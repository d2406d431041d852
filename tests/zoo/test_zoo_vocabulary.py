"""Texts to tokens and back: any text, against `tokenizers`, and what is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.data.texts.vocabularies import make_vocabulary
from zoo.vocabulary import END, Vocabulary, pieces

pytestmark = pytest.mark.one_backend("vocabularies need no backend")
ALL_BYTES = [bytes([i]).decode("latin-1") for i in range(256)]
CORPUS = [
    "the cat sat on the mat, and the cats sat on the mats",
    "a cat's hat; the hat of a cat that sat",
    "der Kater saß auf der Matte",
    "القطة جلست على الحصيرة",
    "猫がマットの上に座った",
] * 20


@pytest.fixture(scope="module")
def pairs():
    return make_vocabulary(CORPUS, "bytes", 340)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=40))
def test_every_text_comes_back_from_its_bytes(text):
    vocabulary = Vocabulary("bytes", ["", *ALL_BYTES, "th", "the", " t", " th", " the"])
    tokens = vocabulary.encode([text], 200)
    assert tokens.dtype == np.int32 and tokens.shape == (1, 200)
    said = " ".join(text.encode("utf-8", "replace").decode().split())
    if "\x00" not in said:
        assert vocabulary.decode(tokens) == [said]
    count = int(np.sum(tokens != END))
    assert not tokens[0, count:].any()


def test_pairs_are_merged_as_by_the_library(pairs):
    """Its own merges, applied by it."""
    tokenizers = pytest.importorskip("tokenizers")
    library = tokenizers.Tokenizer(tokenizers.models.BPE())
    split = tokenizers.pre_tokenizers.Split("\n", "removed")
    as_bytes = tokenizers.pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=False
    )
    library.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, as_bytes])
    library.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=339,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(["\n".join(pieces(t)) for t in CORPUS], trainer)
    merges = json.loads(library.to_str())["model"]["merges"]
    assert len(pairs) == 1 + 256 + len({"".join(pair) for pair in merges})
    for text in (*CORPUS[:5], "the hats sat, on cats' mats", "Katzen 🐈 matt"):
        encoded = library.encode("\n".join(pieces(text)))
        expected = [library.decode([token]) for token in encoded.ids]
        found = [pairs.decode([[token]])[0] for token in pairs.cut(text)]
        # Texts of single tokens are stripped, and a part of a character is none.
        assert len(found) == len(expected)
        assert [f for f in found if "\ufffd" not in f] == [
            e.strip() for e in expected if "\ufffd" not in e
        ]


def test_frequent_words_take_fewer_tokens(pairs):
    assert len(pairs.cut("the cat sat")) == 3
    assert len(pairs.cut("zyx")) == 3
    assert pairs.decode(pairs.encode(CORPUS[:5], 64)) == CORPUS[:5]


def test_words_that_are_not_known():
    words = make_vocabulary(CORPUS, "words", 8)
    assert words.tokens[:2] == ["", "<unk>"] and len(words) == 8
    assert "the" in words.tokens and "cat" in words.tokens
    assert words.decode(words.encode(["the  zebra\tsat"], 4)) == ["the <unk> sat"]


def test_configuration_is_all_of_it(pairs):
    stored = json.loads(json.dumps(pairs.get_config()))
    other = Vocabulary.of(stored)
    assert other == pairs and hash(other) == hash(pairs)
    assert other != make_vocabulary(CORPUS, "words", 9)
    assert other.cut(CORPUS[3]) == pairs.cut(CORPUS[3])


@pytest.mark.parametrize(
    "kind, tokens, words",
    [
        ("letters", [""], "must be 'bytes' or 'words'"),
        ("words", ["", "a"], "must begin with '' and '<unk>'"),
        ("bytes", ["", "a"], "must begin with '' and then the 256 bytes"),
        ("words", ["", "<unk>", "a", "a"], "differ from each other"),
        ("bytes", ["", *ALL_BYTES, "\u1234"], "numbers 0 to 255"),
    ],
)
def test_wrong_vocabularies_get_a_sentence(kind, tokens, words):
    with pytest.raises(ValueError, match=words):
        Vocabulary(kind, tokens)


def test_wrong_texts_and_tokens_get_a_sentence(pairs):
    with pytest.raises(TypeError, match="several texts; got one"):
        pairs.encode("the cat", 8)
    with pytest.raises(ValueError, match="at most 2 tokens; number 1 has 3: 'the cat"):
        pairs.encode(["cat", "the cat sat"], 2)
    with pytest.raises(ValueError, match="at most 100,000 characters"):
        pairs.cut("a" * 100_001)
    with pytest.raises(ValueError, match="between 0 and"):
        pairs.decode([[10_000]])
    with pytest.raises(ValueError, match="whole numbers"):
        pairs.decode([[0.5]])
    with pytest.raises(TypeError, match="its `kind` and `tokens`"):
        Vocabulary.of(["a"])
    with pytest.raises(TypeError, match="list of text"):
        Vocabulary("words", ["", "<unk>", 3])
    with pytest.raises(ValueError, match="at least 257 tokens"):
        make_vocabulary(CORPUS, "bytes", 100)
