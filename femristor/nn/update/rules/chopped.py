"""Chopped TTv2 (TTv3): input lines change their sign, so that what A reads without a gradient averages out.

    for each sample (x, d):
        A <- pulsed update(c x, d, eta_A)
        every transfer_every samples, next column k:
            v = A e_k                                     read through an ADC, with read noise
            H_k += c_k lambda (v - Q_k)                   Q static, usually 0
            n = clip(trunc(H_k), +-BL_t);  H_k <- H_k - (1 - momentum) n
            write n pulses to C[:, k]
            flip c_k at random with chop_probability, or all at the end of each period

An offset of A's symmetry point enters H with the sign c_k and cancels over two half periods.
Source: Rasch et al., Nat. Commun. 15, 7133 (2024); IBM aihwkit, `ChoppedTransferCompound`.
"""

from femristor.nn.update.rules.agad import AgadSettings


def chopped_settings(
    *,
    fast_lr: float = 0.1,
    transfer_every: int = 3,
    transfer_lr: float = 1.0,
    chop_probability: float = 0.1,
    chop_random: bool = True,
    momentum: float = 0.1,
    **others,
) -> AgadSettings:
    """Settings of chopped TTv2.

    Args:
        fast_lr: rate of the fast array, in units of a full pulse train (`auto_scale`).
        transfer_every: samples between two column reads.
        transfer_lr: factor on the rate of the buffer.
        chop_probability: flips of an input line's sign per read of it.
        chop_random: flip at random instead of all lines at the end of each period.
        momentum: part of the buffer's whole pulses that stays.
        **others: pulse train, read, scale and transfer settings of `AgadSettings`.

    Returns:
        AgadSettings that say so.
    """
    return AgadSettings(
        fast_lr=fast_lr,
        transfer_every=transfer_every,
        transfer_lr=transfer_lr,
        chop_probability=chop_probability,
        chop_random=chop_random,
        momentum=momentum,
        forget=False,
        reference="static",
        chop=True,
        name="chopped",
        **others,
    )
