"""The keyed event-time engine. PURE: no I/O, no clock, no environment.

plan = engine.process(batch, states)    decides
store.commit(plan)                      does, atomically
acknowledge the batch                   only then
"""
