"""Ctrl-C inside compiled kernels with threads."""

from femristor.core.jobs import kernel_interrupts

__all__ = ["kernel_interrupts"]
