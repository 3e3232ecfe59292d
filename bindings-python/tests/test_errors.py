"""Errors: their classes, what they carry, and that copies are whole."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest

import podrole
from podrole.errors import FieldConflict, Leftovers, from_payload
from podrole.testing import Memory

BUILT_IN = [
    ("invalid_input", ValueError),
    ("config_invalid", ValueError),
    ("permission_denied", PermissionError),
    ("not_found", LookupError),
    ("timeout", TimeoutError),
    ("unavailable", ConnectionError),
    ("unexpected", RuntimeError),
]


@pytest.mark.parametrize(("kind", "base"), BUILT_IN)
def test_what_python_has_a_class_for_is_of_that_class(kind: str, base: type[Exception]) -> None:
    error = from_payload({"kind": kind, "message": "no"})
    assert isinstance(error, base)
    assert isinstance(error, podrole.PodroleError)
    assert error.kind == kind


def test_a_denial_says_what_is_missing_what_is_left_and_carries_the_receipt(grant: podrole.Grant) -> None:
    memory = Memory()
    memory.script("iam:AttachRolePolicy", "denied")
    with pytest.raises(PermissionError) as caught:
        podrole.Client.in_memory(memory).apply(grant)
    error = caught.value
    assert isinstance(error, podrole.PermissionDeniedError)
    assert error.action == "iam:AttachRolePolicy"
    assert error.aws_code == "AccessDenied"
    assert error.remedy is not None
    assert not error.retryable
    assert error.leftovers.state == "remaining"
    assert any("connections-role-test" in one for one in error.leftovers.resources)
    assert error.receipt is not None
    assert not error.receipt.is_complete
    assert f"remedy: {error.remedy}" in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("kind", [kind for kind, _ in BUILT_IN])
def test_copies_and_pickles_are_whole(kind: str, grant: podrole.Grant) -> None:
    receipt = podrole.Client.in_memory(Memory()).apply(grant)
    payload = {
        "kind": kind,
        "message": "there are 10 policies",
        "resource": "role a",
        "awsCode": "X",
        "remedy": "remove one",
        "retry": "safe",
        "conflicts": [{"manager": "argocd", "field": ".spec"}],
        "leftovers": {"state": "unknown", "resources": ["role a"]},
    }
    error = from_payload(payload, receipt)
    for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert str(twin) == "role a: there are 10 policies"
        assert (twin.aws_code, twin.remedy, twin.retryable) == ("X", "remove one", True)
        assert twin.conflicts == (FieldConflict(manager="argocd", field=".spec"),)
        assert twin.leftovers == Leftovers(state="unknown", resources=("role a",))
        assert twin.receipt == receipt
        assert twin.__notes__ == ["remedy: remove one"]


def test_an_interruption_is_what_python_expects() -> None:
    assert issubclass(podrole.Interrupted, KeyboardInterrupt)
    # It is not caught by `except Exception`.
    assert not issubclass(podrole.Interrupted, Exception)


def test_copies_of_an_interruption_say_and_carry_the_same(grant: podrole.Grant) -> None:
    receipt = podrole.Client.in_memory(Memory()).apply(grant)
    error = podrole.RunCancelledError("stopped", leftovers=Leftovers(state="remaining", resources=("role app",)), receipt=receipt)
    for whole in (podrole.Interrupted(receipt, error), podrole.Interrupted(receipt), podrole.Interrupted()):
        for twin in (copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
            assert str(twin) == str(whole)
            assert (twin.receipt, twin.leftovers) == (whole.receipt, whole.leftovers)


def test_a_failed_verification_carries_the_report(grant: podrole.Grant) -> None:
    report = podrole.Client.in_memory(Memory()).verify(grant)
    with pytest.raises(podrole.VerificationFailedError) as caught:
        report.raise_for_failures()
    for error in (caught.value, copy.copy(caught.value), pickle.loads(pickle.dumps(caught.value))):
        assert error.report == report
    assert podrole.VerificationFailedError("no").report is None


def test_what_stands_is_named_whatever_the_state() -> None:
    remaining = Leftovers.from_dict({"state": "remaining", "resources": ["role a"]})
    assert remaining == Leftovers(state="remaining", resources=("role a",))
    assert remaining.remaining == ("role a",)
    unknown = Leftovers(state="unknown", resources=("role b",), remaining=("role a",))
    assert Leftovers.from_dict(unknown.to_dict()).remaining == ("role a",)
    assert repr(unknown) == "Leftovers(state='unknown', resources=('role b',), remaining=('role a',))"
