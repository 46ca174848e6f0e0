"""Trees of tensors: what may join, and that whoever joined gets back what is his."""

import pytest
import torch

from engine.rows import describe, join, pad, split, take


def describe_all(tree, rows=2, ragged=False):
    """Describe a tree, shared tensors by their sum."""
    return describe(tree, rows, ragged, lambda tensor: float(tensor.sum()))


def test_rows_are_told_by_shape_and_dtype_only():
    """The number of rows and their values may differ, nothing else."""
    two, three = torch.zeros(2, 4), torch.ones(3, 4)
    assert describe_all(two) == describe_all(three, rows=3)
    assert describe_all(two) != describe_all(torch.zeros(2, 5))
    assert describe_all(two) != describe_all(two.to(torch.float64))


def test_shared_tensors_are_told_by_content():
    """A tensor without an entry for each row belongs to all rows."""
    assert describe_all(torch.ones(7, 3)) == describe_all(torch.ones(7, 3), rows=5)
    assert describe_all(torch.ones(7, 3)) != describe_all(torch.zeros(7, 3))
    assert describe_all(torch.tensor(1.0)) == describe_all(torch.tensor(1.0))


def test_plain_values_are_told_by_type_and_value():
    """True is not 1, and what cannot be compared is only itself."""
    same = {"scale": 0.5, "flags": (True, None)}
    assert describe_all(same) == describe_all({"flags": (True, None), "scale": 0.5})
    assert describe_all(True) != describe_all(1)
    assert describe_all({"scale": 0.5}) != describe_all({"scale": 0.6})
    assert describe_all(bytearray(b"x")) != describe_all(bytearray(b"x"))


def test_lists_of_plain_values_for_each_row_join_nobody():
    """Such a list cannot be told from one that belongs to all rows, so its call stays alone."""
    assert describe_all([3, 3]) != describe_all([3, 3])
    assert describe_all([3, 3, 3]) == describe_all([3, 3, 3])


def test_what_is_joined_comes_apart_again():
    """Nested outputs of any kind are handed back row by row."""
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput

    def tree(start, rows):
        sample = torch.arange(start, start + rows, dtype=torch.float32)[:, None].expand(rows, 4)
        return {
            "tuple": (sample, [sample + 1]),
            "output": UNet2DConditionOutput(sample=sample),
            "latents": DiagonalGaussianDistribution(sample.reshape(rows, 4, 1, 1)),
            "name": "unchanged",
        }

    parts = split(join([tree(0, 2), tree(2, 3)], [2, 3], False), [2, 3], False)
    for part, start, rows in zip(parts, (0, 2), (2, 3), strict=True):
        wanted = tree(start, rows)
        assert torch.equal(part["tuple"][0], wanted["tuple"][0])
        assert torch.equal(part["tuple"][1][0], wanted["tuple"][1][0])
        assert torch.equal(part["output"].sample, wanted["output"].sample)
        assert isinstance(part["output"], UNet2DConditionOutput)
        assert torch.equal(part["latents"].mean, wanted["latents"].mean)
        assert part["name"] == "unchanged"


def test_ragged_rows_are_items_of_a_list():
    """Rows of any shapes are put into one list, and handed back from one."""
    tall, wide = torch.zeros(4, 1, 8, 2), torch.zeros(4, 1, 2, 8)
    assert describe_all([tall], 1, True) == describe_all([wide, tall], 2, True)
    joined = join([[tall], [wide, tall]], [1, 2], True)
    assert [len(part) for part in split(joined, [1, 2], True)] == [1, 2]


def test_outputs_without_rows_are_refused():
    """A tensor with another number of entries than rows is nobody's."""
    with pytest.raises(ValueError, match="has not 3 rows"):
        split((torch.zeros(3, 2), torch.zeros(2, 2)), [1, 2], False)


def test_padding_repeats_the_first_row():
    """Padded rows are real ones, so that no model meets numbers it never meets otherwise."""
    padded = pad({"sample": torch.tensor([[1.0], [2.0]]), "ids": torch.zeros(5)}, 2, 4)
    assert padded["sample"][:, 0].tolist() == [1, 2, 1, 1]
    assert take(padded, 4, 0, 2, False)["sample"][:, 0].tolist() == [1, 2]
    assert len(padded["ids"]) == 5
