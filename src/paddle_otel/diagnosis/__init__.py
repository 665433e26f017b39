"""What the samples mean: rules over what the sampler sees, told as events and to subscribers.

- :mod:`~paddle_otel.diagnosis.diagnosis`: runs the rules, on the sampler's thread; emits events, calls subscribers.
- :mod:`~paddle_otel.diagnosis.rule`, :mod:`~paddle_otel.diagnosis.finding`: what a rule is and what it finds.
- :mod:`~paddle_otel.diagnosis.work`: what operations tell: tokens written, key-value caches of requests in flight;
  :mod:`~paddle_otel.diagnosis.generations_seen`: those of the observed generations.
- :mod:`~paddle_otel.diagnosis.memory_pressure`: memory that is about to run out (``paddle.memory.pressure``).
- :mod:`~paddle_otel.diagnosis.bottleneck`: tokens and GPU time that do not fit together (``paddle.bottleneck``).
- :mod:`~paddle_otel.diagnosis.running`: the diagnosis of this process.

A new rule is one new module, and one line in :mod:`~paddle_otel.diagnosis.running`; or a program adds it with
``DIAGNOSIS.add(rule)``.
"""
