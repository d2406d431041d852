"""How much memory the files of a process may take, all of them together."""

import contextlib
import functools

import onnxruntime

# A few nodes that each double what they are given would otherwise take all there is.
MAX_BYTES = 2 * 2**30
# Not as much as is asked for: what a loop returns in small pieces would never fit what
# it asks for next, and the pieces would add up to the limit.
_NEXT_POWER_OF_TWO = 0


def limit_memory(options):
    """Lets a session take its memory from what those of this process share.

    Args:
        options: `onnxruntime.SessionOptions`, changed in place.
    """
    _make_arena()
    options.add_session_config_entry("session.use_env_allocators", "1")


@functools.cache
def _make_arena():
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    limits = {"max_mem": MAX_BYTES, "arena_extend_strategy": _NEXT_POWER_OF_TWO}
    limits = onnxruntime.OrtArenaCfg(limits)
    with contextlib.suppress(Exception):  # of a program that has made one already
        onnxruntime.create_and_register_allocator(memory, limits)
