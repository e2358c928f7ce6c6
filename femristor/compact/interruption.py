"""Ctrl-C inside compiled kernels with threads."""

from femristor.core.interruption import kernel_interrupts

__all__ = ["kernel_interrupts"]
