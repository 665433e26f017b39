"""What PaddleNLP and PaddleFormers share: ``generate``, tokenizers and ``from_pretrained``.

Both libraries descend from one code base, so the wrappers and extractors live here once;
:mod:`paddle_otel.paddlenlp` and :mod:`paddle_otel.paddleformers` only say where they apply.
"""
