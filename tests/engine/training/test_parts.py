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

from engine.training.autoencoder import moment_loss, psnr_db, train_autoencoder
from engine.training.bank import Bank, shape_of, write_bank, write_words
from engine.training.bilingual import train_bilingual
from engine.training.checkpoint import replace_file
from engine.training.denoiser import NoiseSchedule, draw_steps, train_denoiser
from engine.training.export import export_model, load_autoencoder, load_text
from engine.training.meter import Progress
from engine.training.muon import orthogonalize
from engine.training.presets import STAGE_A, DenoiserSize, Preset
from engine.training.text import contrast_loss, draw_batch, tokenize, train_text
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
    tokenizer, encoder = load_text(preset, folder / "text")
    autoencoder = load_autoencoder(preset, folder / "autoencoder")
    bank = folder / "bank"
    write_bank(preset, pack, bank, autoencoder, scenes=preset.bank_scenes)
    write_words(bank, encoder, tokenizer, preset.text.context)
    train_denoiser(preset, bank, plan_for(folder / "denoiser", 1), batch=2)
    return folder


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
    first = train_denoiser(preset, work / "bank", plan_for(folder, 10), batch=8)
    assert first.samples == 80
    resumed = plan_for(folder, 30, resume=True)
    later = train_denoiser(preset, work / "bank", resumed, batch=8)
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
    autoencoder = load_autoencoder(preset, work / "autoencoder")
    write_bank(preset, pack, work / "bank", autoencoder, scenes=8)
    assert shard.stat().st_mtime_ns == before


def test_scenes_without_words_wait(preset: Preset, pack: Path, work: Path, tmp_path: Path) -> None:
    """Scenes may be composed before there is a text encoder; they count once it has read them."""
    autoencoder = load_autoencoder(preset, work / "autoencoder")
    write_bank(preset, pack, tmp_path, autoencoder, scenes=4)
    with pytest.raises(ValueError, match="empty"):
        Bank(tmp_path)
    tokenizer, encoder = load_text(preset, work / "text")
    write_words(tmp_path, encoder, tokenizer, preset.text.context)
    latents, words = Bank(tmp_path).draw(2, drop=0)
    assert latents.shape[0] == words.shape[0] == 2


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

    train_denoiser(preset, work / "bank", plan("denoiser"))
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
        train_denoiser(other, work / "bank", plan)


def test_chinese_is_learnt_and_english_kept(preset: Preset, exported: Path, tmp_path: Path) -> None:
    """A Chinese caption comes nearer to its English twin; the English one hardly moves."""
    tokenizer, before = load_text(preset, tmp_path, exported)
    for parameter in before.parameters():
        parameter.data *= 5 if parameter.ndim > 1 else 1  # so that words mean something
    shutil.copytree(exported, tmp_path / "start")
    replace_file(tmp_path / "start/text_encoder/model.safetensors", before.state_dict())

    def teach(name: str, steps: int) -> float:
        plan = replace(plan_for(tmp_path / name, steps), start=tmp_path / "start")
        return train_bilingual(preset, plan, batch=16, lr=0.003, muon_lr=None).loss

    assert teach("b", 100) < 0.93 * teach("a", 1)
    _, after = load_text(preset, tmp_path / "b")
    with torch.no_grad():
        ids, ids_zh = (tokenize(tokenizer, [text], 32) for text in ("a fox", "一只狐狸"))
        english = before(ids).last_hidden_state[0, 10:]
        moved = (after(ids).last_hidden_state[0, 10:] - english).norm()
        apart = (before(ids_zh).last_hidden_state[0, 10:] - english).norm()
    assert moved < 0.6 * apart


def test_every_fourth_shard_is_not_square(preset: Preset) -> None:
    """Other shapes take turns in a quarter of the shards."""
    several = replace(preset, shapes=((48, 24), (24, 48)))
    shapes = [shape_of(several, shard) for shard in range(8)]
    assert shapes == [(32, 32)] * 3 + [(48, 24)] + [(32, 32)] * 3 + [(24, 48)]


def test_a_batch_is_of_one_shape(tmp_path: Path) -> None:
    """Scenes of different shapes never meet in a batch, and each shape comes."""
    for name, shape in (("0", (4, 4)), ("1", (3, 6))):
        latents = {"latents": torch.zeros(4, 2, *shape)}
        words = {"words": torch.zeros(4, 5, 8), "nothing": torch.zeros(1, 5, 8)}
        replace_file(tmp_path / f"shard-{name}.safetensors", latents)
        replace_file(tmp_path / f"words-{name}.safetensors", words)
    bank = Bank(tmp_path)
    seen = {tuple(bank.draw(3, 0.1)[0].shape) for _ in range(40)}
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
