"""The digest of parameters: equal for equal models, whatever the file."""

from __future__ import annotations

import torch

from worker.encoders.parameters import digest_of

WEIGHT = torch.tensor([[0.5, -2.0], [3.0, 0.25]])


def test_precision_and_order_do_not_matter() -> None:
    one = digest_of({"a": WEIGHT, "b": torch.ones(2)})
    assert digest_of({"b": torch.ones(2).half(), "a": WEIGHT.half()}) == one
    assert len(one) == 12


def test_values_that_no_vector_depends_on_do_not_matter() -> None:
    one = digest_of({"a": WEIGHT})
    assert digest_of({"a": WEIGHT, "logit_scale": torch.tensor(4.6)}) == one
    assert digest_of({"a": WEIGHT, "bn.num_batches_tracked": torch.tensor(3)}) == one


def test_a_name_a_shape_and_a_number_matter() -> None:
    one = digest_of({"a": WEIGHT})
    assert digest_of({"b": WEIGHT}) != one
    assert digest_of({"a": WEIGHT.reshape(4)}) != one
    assert digest_of({"a": WEIGHT + 0.5}) != one


def test_transposed_views_are_read_in_their_own_order() -> None:
    assert digest_of({"a": WEIGHT.t()}) == digest_of({"a": WEIGHT.t().contiguous()})
    assert digest_of({"a": WEIGHT.t()}) != digest_of({"a": WEIGHT})
