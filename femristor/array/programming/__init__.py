"""Program-verify: the law of its errors, the loop by pulses with its plan and kernels, disturb."""
