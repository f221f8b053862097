"""What the addresses of responses, slots, ratings and cases say: nothing.

Keys follow the order in which rows came in, and so the model and the stage: shown as they are, they would tell two
models apart. An address is the key enciphered, with the installation's secret: always 13 characters that look drawn
at random, for each kind of row another permutation. Nothing is stored, and whoever knows an address can guess no other.
"""

import hashlib
from base64 import b32decode, b32encode
from functools import cache

from django.conf import settings
from django.urls.converters import StringConverter

KINDS = {
    "slot": "assignment",
    "response": "response",
    "rating": "rating",
    "case": "case",
    "pair": "pairslot",
    "preference": "preference",
}
"""What routes call them, `<slot:pk>` and so on, and the model of each."""
LENGTH = 13
ROUNDS = 6
LARGEST = 2**63 - 1


def address_of(row):
    """The address of a row of one of the KINDS."""
    return encipher(row._meta.model_name, row.pk)


def encipher(model_name, pk):
    """The address of the row of this model with this key."""
    left, right = divmod(pk, 2**32)
    for mix in _rounds(model_name):
        left, right = right, left ^ mix(right)
    return b32encode((left << 32 | right).to_bytes(8)).decode().lower()[:LENGTH]


def decipher(model_name, address):
    """The key that an address stands for, whether there is such a row or not. Raises ValueError for no address."""
    if len(address) != LENGTH:
        raise ValueError(f"{address[:LENGTH]!r}… is no address.")
    left, right = divmod(int.from_bytes(b32decode(address.upper() + "===")), 2**32)
    for mix in reversed(_rounds(model_name)):
        left, right = right ^ mix(left), left
    pk = left << 32 | right
    if pk > LARGEST or encipher(model_name, pk) != address:
        raise ValueError(f"{address!r} is no address.")
    return pk


def named(model, address):
    """The key of the row of `model` that an address names; None for what is no address, as in a form's field."""
    try:
        return decipher(model._meta.model_name, address)
    except ValueError:
        return None


def converters():
    """{name in routes: path converter}: an address on the outside, the row's key on the inside."""
    return {
        kind: type(f"{model.title()}Address", (_Address,), {"model": model}) for kind, model in KINDS.items()
    }


class _Address(StringConverter):
    regex = f"[a-z2-7]{{{LENGTH}}}"

    def to_python(self, value):
        return decipher(self.model, value)

    def to_url(self, pk):
        return encipher(self.model, pk)


@cache
def _rounds(model_name):
    """The round functions of a Feistel network: with them any function permutes the numbers of 64 bits."""
    key = hashlib.sha256(f"concord addresses:{settings.SECRET_KEY}".encode()).digest()

    def mixing(place):
        keyed = hashlib.blake2b(key=key, person=f"{place}{model_name}".encode()[:16], digest_size=4)

        def mix(half):
            drawn = keyed.copy()
            drawn.update(half.to_bytes(4))
            return int.from_bytes(drawn.digest())

        return mix

    return tuple(mixing(place) for place in range(ROUNDS))
