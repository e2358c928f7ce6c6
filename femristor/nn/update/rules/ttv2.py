"""TTv2: the fast array's columns are summed up in a digital buffer, whole pulses go on to the slow array.

    for each sample (x, d):
        A <- pulsed update(x, d, eta_A)
        every transfer_every samples, next column k:
            v = A e_k                                     read through an ADC, with read noise
            H_k += lambda (v - Q_k)                       lambda = lr transfer_lr/(buffer_granularity delta_A)
            n = clip(trunc(H_k), +-BL_t);  H_k <- H_k - (1 - momentum) n
            write n pulses to C[:, k]

Q is the symmetry point of A, programmed once to a reference array; 0 where nobody measured it.
Source: Gokmen, Front. Artif. Intell. 4, 699148 (2021); IBM aihwkit, `BufferedTransferCompound`.
"""

from femristor.nn.update.rules.agad import AgadSettings


def ttv2_settings(
    *,
    fast_lr: float = 0.1,
    transfer_every: int = 3,
    transfer_lr: float = 1.0,
    momentum: float = 0.1,
    buffer_granularity: float = 1.0,
    **others,
) -> AgadSettings:
    """Settings of TTv2.

    Args:
        fast_lr: rate of the fast array, in units of a full pulse train (`auto_scale`).
        transfer_every: samples between two column reads.
        transfer_lr: factor on the rate of the buffer.
        momentum: part of the buffer's whole pulses that stays.
        buffer_granularity: threshold in units of delta_A.
        **others: pulse train, read, scale and transfer settings of `AgadSettings`.

    Returns:
        AgadSettings that say so.
    """
    return AgadSettings(
        fast_lr=fast_lr,
        transfer_every=transfer_every,
        transfer_lr=transfer_lr,
        momentum=momentum,
        buffer_granularity=buffer_granularity,
        forget=False,
        reference="static",
        chop=False,
        name="ttv2",
        **others,
    )
