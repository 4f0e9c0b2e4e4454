"""What both databases must keep as it is, for Hypothesis."""

from typing import Any

from hypothesis import strategies as st


def text(most: int) -> st.SearchStrategy[str]:
    """Of so many characters at most."""
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=most)


def json(words: st.SearchStrategy[str], *, leaves: int, parts: int) -> st.SearchStrategy[Any]:
    """Values with so many leaves, and so many parts of each list or object, at most."""
    return st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | words,
        lambda inner: (
            st.lists(inner, max_size=parts) | st.dictionaries(words, inner, max_size=parts)
        ),
        max_leaves=leaves,
    )


def ext_ids(most: int) -> st.SearchStrategy[str]:
    return st.text(
        st.characters(exclude_categories=["Cc", "Cf", "Cs"]), min_size=1, max_size=most
    ).filter(lambda found: found == found.strip())
