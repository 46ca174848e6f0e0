"""Tiny captioners of random weights: a BLIP of seventeen words, and a LLaVA that is asked."""

WORDS = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "fox", "in", "the", "snow", "cat",
    "dog", "beach", "on", "blue", "bird",
]  # fmt: skip


def save_captioner(folder, seed=3):
    """Save the model with its processor, as a repository of the hub has them."""
    import torch
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
        BlipProcessor,
    )

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    text = {
        **sizes, "num_attention_heads": 2, "vocab_size": len(WORDS), "encoder_hidden_size": 16,
        "max_position_embeddings": 80, "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3,
        "pad_token_id": 0,
    }  # fmt: skip
    vision = {**sizes, "num_attention_heads": 2, "image_size": 32, "patch_size": 16}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = BlipConfig(text_config=text, vision_config=vision, projection_dim=16)
        model = BlipForConditionalGeneration(config)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)})
    size = {"height": 32, "width": 32}
    BlipProcessor(BlipImageProcessorPil(size=size), tokenizer).save_pretrained(folder)
    return folder


TEMPLATE = (
    "{% for m in messages %}{% for part in m['content'] %}"
    "{{ '<image> ' if part['type'] == 'image' else part['text'] }}"
    "{% endfor %}{% endfor %}"
)


def save_conversing(folder, seed=3):
    """Save a model that answers what it is asked of a picture."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    words = ["<pad>", "<s>", "</s>", "<unk>", "<image>", "Describe", *WORDS[5:]]
    numbers = {word: number for number, word in enumerate(words)}
    plain = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))  # noqa: S106 - no secret
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), words, strict=False))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, additional_special_tokens=["<image>"], **special
    )
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    vision = CLIPVisionConfig(**sizes, num_hidden_layers=2, image_size=32, patch_size=16)
    text = LlamaConfig(
        **sizes, num_hidden_layers=1, num_key_value_heads=2, vocab_size=len(words),
        pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = LlavaConfig(
            vision_config=vision, text_config=text, image_token_index=4, vision_feature_layer=-1
        )
        model = LlavaForConditionalGeneration(config)
    model.generation_config.suppress_tokens = [4, 5]  # it never says what it is asked
    model.save_pretrained(folder, safe_serialization=True)
    side = {"height": 32, "width": 32}
    LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=side), tokenizer, patch_size=16,
        vision_feature_select_strategy="default", chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)  # fmt: skip
    return folder
