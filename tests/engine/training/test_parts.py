"""Every trainer learns, resumes, and what comes out opens in stock diffusers."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from typer.testing import CliRunner

from engine.training import bank as bank_module
from engine.training.__main__ import app
from engine.training.autoencoder import moment_loss, psnr_db, train_autoencoder
from engine.training.bank import Bank, Composer, Part, shape_of, write_bank
from engine.training.checkpoint import replace_file
from engine.training.denoiser import Banks, NoiseSchedule, draw_steps, train_denoiser
from engine.training.export import export_model, load_autoencoder, load_text
from engine.training.machine import CPU
from engine.training.meter import Progress
from engine.training.muon import even_out, orthogonalize
from engine.training.presets import PRESETS, STAGE_A, DenoiserSize, Preset
from engine.training.sharpen import Discriminator, gradient_penalty, train_sharp
from engine.training.text import (
    contrast_loss,
    draw_batch,
    load_tower,
    make_tower,
    see,
    tokenize,
    train_text,
    turn_towards,
)
from engine.training.trainer import Plan, rate_at
from engine.training.world import has_held_out_pair
from engine.upscaler import Upscaler, load_upscaler


def plan_for(folder: Path, steps: int, *, resume: bool = False) -> Plan:
    """A plan that ends after some steps."""
    return Plan(folder, minutes=60, resume=resume, warmup=2, max_steps=steps)


@pytest.fixture(scope="module")
def work(preset: Preset, pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of one step of each part; tests leave them as they are."""
    folder = tmp_path_factory.mktemp("work")
    train_autoencoder(preset, pack, plan_for(folder / "autoencoder", 1), batch=2)
    train_text(preset, pack, plan_for(folder / "text", 1), batch=4)
    write_bank(composer_of(preset, folder), pack, folder / "bank", scenes=preset.bank_scenes)
    denoise(preset, folder, plan_for(folder / "denoiser", 1), batch=2)
    return folder


def composer_of(preset: Preset, work: Path) -> Composer:
    """What writes the bank of the checkpoints."""
    return Composer(
        preset,
        load_autoencoder(preset, work / "autoencoder"),
        load_text(preset, work / "text")[0],
        load_tower(preset, work / "text"),
        CPU,
        batch=4,
    )


def denoise(preset: Preset, work: Path, plan: Plan, batch: int = 64) -> Progress:
    """Train the denoiser on the bank of the checkpoints."""
    encoder = load_text(preset, work / "text")[1]
    return train_denoiser(preset, Banks(work / "bank"), plan, encoder, batch=batch)


def test_the_autoencoder_learns(preset: Preset, pack: Path, tmp_path: Path) -> None:
    """A few steps lower the loss of the autoencoder."""
    first = train_autoencoder(preset, pack, plan_for(tmp_path / "a", 1), batch=4)
    later = train_autoencoder(preset, pack, plan_for(tmp_path / "b", 25), batch=4)
    assert later.loss < first.loss


def test_the_text_encoder_learns(preset: Preset, pack: Path, tmp_path: Path) -> None:
    """A few steps bring captions and pictures nearer."""
    first = train_text(preset, pack, plan_for(tmp_path / "a", 1), batch=8)
    later = train_text(preset, pack, plan_for(tmp_path / "b", 25), batch=8)
    assert later.loss < first.loss


def test_the_denoiser_learns_and_resumes(preset: Preset, work: Path, tmp_path: Path) -> None:
    """A few steps lower the loss, and a resumed run counts on from where it stopped."""
    folder = tmp_path / "denoiser"
    first = denoise(preset, work, plan_for(folder, 10), batch=8)
    assert first.samples == 80
    resumed = plan_for(folder, 30, resume=True)
    later = denoise(preset, work, resumed, batch=8)
    assert (later.samples, later.steps) == (240, 30)
    assert later.seconds > first.seconds
    assert later.loss < first.loss


def test_resuming_restores_the_optimizer(preset: Preset, pack: Path, tmp_path: Path) -> None:
    """Weights after a stop and a resume are those of the checkpoint, momentum included."""
    folder = tmp_path / "autoencoder"
    train_autoencoder(preset, pack, plan_for(folder, 3), batch=2)
    before = {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
    train_autoencoder(preset, pack, plan_for(folder, 3, resume=True), batch=2)
    after = {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
    assert before == after


def test_a_checkpoint_travels_without_its_optimizers(
    preset: Preset, pack: Path, tmp_path: Path
) -> None:
    """Training goes on from weights and progress alone, which are half of a checkpoint."""
    folder = tmp_path / "autoencoder"
    train_autoencoder(preset, pack, plan_for(folder, 2), batch=2)
    for path in folder.glob("optimizer-*"):
        path.unlink()
    later = train_autoencoder(preset, pack, plan_for(folder, 3, resume=True), batch=2)
    assert later.steps == 3
    assert list(folder.glob("optimizer-*"))


def test_the_export_opens_in_stock_diffusers(preset: Preset, work: Path, tmp_path: Path) -> None:
    """from_pretrained needs nothing of Easel, and both stock pipelines paint with it."""
    folder = tmp_path / "embedded"
    folder.mkdir()
    (folder / "NOTICE").write_text("by hand")
    export_model(preset, work, folder)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a red apple", num_inference_steps=2).images[0]
    assert picture.size == (32, 32)
    again = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    again.set_progress_bar_config(disable=True)
    assert again("a fox", image=picture, strength=0.5, num_inference_steps=4).images
    card = json.loads((folder / "easel.json").read_text())
    assert card["native_size"] == 32
    assert card["trained_samples"] == 2
    assert not card["untrained"]
    assert (folder / "NOTICE").read_text() == "by hand"


def test_the_bank_is_not_written_twice(preset: Preset, pack: Path, work: Path) -> None:
    """Shards that exist are kept, so that writing the bank can be resumed."""
    shard = next((work / "bank").glob("shard-*.safetensors"))
    before = shard.stat().st_mtime_ns
    write_bank(composer_of(preset, work), pack, work / "bank", scenes=8)
    assert shard.stat().st_mtime_ns == before


def test_several_processes_share_a_bank(
    preset: Preset, pack: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each writes its own shards; together they are what one alone would have written."""
    monkeypatch.setattr(bank_module, "SHARD_SCENES", 4)
    composer = composer_of(preset, work)
    write_bank(composer, pack, tmp_path / "one", scenes=10)
    for rank in (0, 1):
        write_bank(composer, pack, tmp_path / "two", scenes=10, part=Part(rank, 2))
    alone, shared = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two")
    )
    assert alone == shared
    assert len(Bank(tmp_path / "two").draw(64).latents) == 64


def test_a_caption_belongs_to_its_scene(
    preset: Preset, pack: Path, work: Path, tmp_path: Path
) -> None:
    """What is drawn from the bank are captions of that very scene, or the empty prompt."""
    write_bank(composer_of(preset, work), pack, tmp_path, scenes=1)
    bank = Bank(tmp_path)
    tokenizer = load_text(preset, work / "text")[0]
    ids = bank.shapes[torch.Size((4, 4))]["ids"][0].tolist()
    drawn = bank.draw(64, drop=0.5).ids.tolist()
    nothing = tokenize(tokenizer, [""], 77)[0].tolist()
    assert all(row in [*ids, nothing] for row in drawn)
    assert nothing in drawn
    assert any(row in ids for row in drawn)


def test_an_empty_bank_says_so(tmp_path: Path) -> None:
    """A denoiser without scenes is told what is missing."""
    with pytest.raises(ValueError, match="run the bank command first"):
        Bank(tmp_path)


def test_the_denoiser_begins_with_small_pictures(
    preset: Preset, pack: Path, work: Path, tmp_path: Path
) -> None:
    """Four times as many of half the side; and after its share of the time, the native size."""
    small = replace(preset, first_side=16)
    composer = replace(composer_of(preset, work), preset=small)
    write_bank(composer, pack, tmp_path / "first", scenes=4, is_first=True)
    encoder = load_text(preset, work / "text")[1]
    for share, samples in ((0.5, 8), (0.0, 2)):
        banks = Banks(work / "bank", tmp_path / "first", share)
        plan = plan_for(tmp_path / f"d{samples}", 1)
        assert train_denoiser(small, banks, plan, encoder, batch=2).samples == samples


def test_a_sharper_decoder_keeps_the_latents(
    preset: Preset, pack: Path, work: Path, tmp_path: Path
) -> None:
    """Only the decoder moves, the discriminator learns, and the sharper one is taken first."""
    shutil.copytree(work / "autoencoder", tmp_path / "autoencoder")
    before = load_autoencoder(preset, tmp_path / "autoencoder")
    plan = replace(plan_for(tmp_path / "sharp", 4), minutes=0.001)
    plain = load_autoencoder(preset, tmp_path / "autoencoder").train()
    train_sharp(preset, pack, replace(plan, minutes=60), plain, batch=2)
    after = load_autoencoder(preset, tmp_path / "autoencoder")
    pairs = {
        part: [
            torch.equal(old, new)
            for old, new in zip(
                getattr(before, part).parameters(), getattr(after, part).parameters(), strict=True
            )
        ]
        for part in ("encoder", "decoder")
    }
    assert all(pairs["encoder"])
    assert not all(pairs["decoder"])


def test_a_discriminator_is_kept_smooth() -> None:
    """The penalty is zero where the slope is one, and grows with it."""
    real, fake = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    critic = Discriminator()
    gentle = gradient_penalty(critic, real, fake)
    for parameter in critic.layers[-1].parameters():
        parameter.data *= 1e5
    assert gradient_penalty(critic, real, fake) > gentle > 0


@pytest.fixture(scope="module")
def exported(preset: Preset, work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of the checkpoints."""
    folder = tmp_path_factory.mktemp("exported") / "embedded"
    export_model(preset, work, folder)
    return folder


def test_training_goes_on_from_exported_weights(
    preset: Preset, pack: Path, work: Path, exported: Path, tmp_path: Path
) -> None:
    """A part that starts from a model folder begins with its weights, rounded to fp16."""

    def plan(part: str) -> Plan:
        return replace(plan_for(tmp_path / part, 0), start=exported)

    denoise(preset, work, plan("denoiser"))
    train_autoencoder(preset, pack, plan("autoencoder"))
    train_text(preset, pack, plan("text"))
    for part, old, new in (
        ("denoiser", "ema", "denoiser"),
        ("autoencoder", "autoencoder", "autoencoder"),
        ("text", "text_encoder", "text_encoder"),
    ):
        before = load_file(work / part / f"{old}.safetensors")
        after = load_file(tmp_path / part / f"{new}.safetensors")
        assert all(torch.allclose(before[name], after[name], atol=1e-3) for name in before)
    vocabulary = "tokenizer/vocab.json"
    assert (tmp_path / "text" / vocabulary).read_text() == (exported / vocabulary).read_text()


def test_parts_not_trained_since_stay_as_they_are(
    preset: Preset, exported: Path, tmp_path: Path
) -> None:
    """A new upscaler alone makes a new folder: the rest is the old model, byte for byte."""
    (tmp_path / "upscaler").mkdir()
    replace_file(tmp_path / "upscaler" / "upscaler.safetensors", Upscaler().state_dict())
    export_model(preset, tmp_path, tmp_path / "new", exported)
    for path in ("unet/diffusion_pytorch_model", "text_encoder/model"):
        old, new = (load_file(at / f"{path}.safetensors") for at in (exported, tmp_path / "new"))
        assert all(torch.equal(old[name], new[name]) for name in old)
    load_upscaler(tmp_path / "new" / "upscaler" / "model.safetensors")
    cards = [json.loads((at / "easel.json").read_text()) for at in (exported, tmp_path / "new")]
    assert [card["delivery_scale"] for card in cards] == [2, 4]
    assert cards[1]["trained_samples"] == cards[0]["trained_samples"] > 0


def test_weights_of_another_size_are_refused(preset: Preset, exported: Path, work: Path,
                                             tmp_path: Path) -> None:  # fmt: skip
    """Starting from a model that does not fit the preset says so."""
    other = replace(preset, denoiser=DenoiserSize(channels=(16, 48), head_width=8))
    plan = replace(plan_for(tmp_path, 1), start=exported)
    with pytest.raises(ValueError, match="does not fit the preset"):
        denoise(other, work, plan)


def test_every_fourth_shard_is_not_square(preset: Preset) -> None:
    """Other shapes take turns in a quarter of the shards."""
    several = replace(preset, shapes=((48, 24), (24, 48)))
    shapes = [shape_of(several, shard) for shard in range(8)]
    assert shapes == [(32, 32)] * 3 + [(48, 24)] + [(32, 32)] * 3 + [(24, 48)]


def test_a_batch_is_of_one_shape(tmp_path: Path) -> None:
    """Scenes of different shapes never meet in a batch, and each shape comes."""
    for name, shape in (("0", (4, 4)), ("1", (3, 6))):
        shard = {
            "latents": torch.zeros(4, 2, *shape),
            "ids": torch.zeros(4, 1, 5).short(),
            "views": torch.zeros(4, 8),
            "nothing": torch.zeros(1, 5).short(),
        }
        replace_file(tmp_path / f"shard-{name}.safetensors", shard)
    bank = Bank(tmp_path)
    seen = {tuple(bank.draw(3, 0.1).latents.shape) for _ in range(40)}
    assert seen == {(3, 2, 4, 4), (3, 2, 3, 6)}


def test_the_rate_rises_holds_and_falls_to_nothing(tmp_path: Path) -> None:
    """Warm-up, a level stretch, and zero at the planned end."""
    plan = Plan(tmp_path, minutes=10, hold=0.5)
    assert rate_at(Progress(steps=0), plan) < 0.1
    assert rate_at(Progress(steps=1000, seconds=200), plan) == 1
    assert rate_at(Progress(steps=1000, seconds=450), plan) == pytest.approx(0.5)
    assert rate_at(Progress(steps=1000, seconds=600), plan) == 0


def test_orthogonalizing_evens_out_all_directions() -> None:
    """Muon's step has singular values near one, whatever the gradient's were."""
    matrix = torch.randn(12, 30, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(matrix))
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_wide_matrices_are_evened_out_as_all_others_are() -> None:
    """The short cut among small square matrices ends where the long way ends, however uneven."""
    directions = torch.linalg.qr(torch.randn(24, 24))[0] * torch.logspace(0, -4, 24)
    wide = directions @ torch.linalg.qr(torch.randn(216, 24))[0].T
    assert torch.allclose(orthogonalize(wide), even_out(wide / wide.norm()), atol=1e-3)


def test_matrices_of_one_shape_are_orthogonalized_together() -> None:
    """A stack of matrices gives what each of them gives alone."""
    stack = torch.randn(3, 30, 12, generator=torch.Generator().manual_seed(0))
    together = orthogonalize(stack)
    assert all(
        torch.allclose(orthogonalize(one), other, atol=1e-2)
        for one, other in zip(stack, together, strict=True)
    )


def test_the_last_step_of_the_schedule_is_pure_noise() -> None:
    """No signal leaks at the last step: painting starts from noise alone."""
    schedule = NoiseSchedule()
    latents, noise = torch.ones(1, 1, 2, 2), torch.randn(1, 1, 2, 2)
    noisy, target = schedule.mix(latents, noise, torch.tensor([999]))
    assert torch.allclose(noisy, noise, atol=1e-3)
    assert torch.allclose(target, -latents, atol=1e-3)


def test_steps_cover_the_schedule_evenly() -> None:
    """Each stretch of the schedule gets its sample in every batch."""
    steps = draw_steps(10)
    assert [int(step) // 100 for step in steps] == list(range(10))


def test_near_misses_never_hold_a_held_out_combination() -> None:
    """Scenes mixed of two neighbours keep to the split as well."""
    scenes = draw_batch(STAGE_A.world, random.Random(0), 600)
    assert len(scenes) == 600
    assert not any(has_held_out_pair(scene) for scene in scenes)


def test_contrast_is_lowest_when_pairs_match() -> None:
    """Matched captions and pictures cost less than swapped ones."""
    same = torch.eye(3).bool()
    assert contrast_loss(5 * torch.eye(3), same) < contrast_loss(5 * torch.eye(3).roll(1, 0), same)


def test_measures_say_what_they_measure() -> None:
    """A tenth off everywhere is 20 dB; unit latents have no moment loss."""
    assert psnr_db(torch.full((1, 3, 4, 4), 0.4), torch.full((1, 3, 4, 4), 0.5)) == pytest.approx(
        20
    )
    latents = torch.randn(64, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    assert moment_loss(latents) < 1e-3
    assert moment_loss(latents * 3) > 0.5


def test_a_tower_turns_to_another_encoders_words(
    preset: Preset, pack: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--tower-only` leaves the text encoder to the bit; a strange tower sees what it says."""
    tokenizer, encoder = load_text(preset, tmp_path, exported)
    strange = make_tower(preset.tower, preset.text.width)
    pictures = torch.rand(48, 3, 32, 32)
    ids = tokenize(tokenizer, ["a fox", "an apple", "a house in the snow"] * 16, 77)

    def likeness() -> Tensor:
        said = encoder(ids).pooler_output
        return functional.cosine_similarity(see(strange, pictures), said).mean()

    before = likeness()
    turn_towards(encoder, strange, [(pictures, ids)], CPU)
    assert likeness() > before + 0.2
    monkeypatch.setitem(PRESETS, "tiny", lambda: preset)
    options = {"preset": "tiny", "pack": pack, "work": tmp_path, "from": exported, "batch": 4}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    answer = CliRunner().invoke(app, ["text", *words, "--minutes", "0.01", "--tower-only"])
    assert answer.exit_code == 0, answer.output
    kept = load_file(tmp_path / "text" / "text_encoder.safetensors")
    old = load_file(exported / "text_encoder" / "model.safetensors")
    assert all(torch.equal(old[name].float(), kept[name]) for name in old)
